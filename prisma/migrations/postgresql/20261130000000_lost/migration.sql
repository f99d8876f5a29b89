-- What was read, and could be kept nowhere until the database took it, has a column, too.
CREATE OR REPLACE VIEW "coverage" AS
SELECT c."hour" AS "time", m."name" AS "meter",
  sum(c."expected") AS "expected", sum(c."stored") AS "stored", sum(c."expected") - sum(c."stored") AS "missing",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'timeout'), 0) AS "timeout",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'unreachable'), 0) AS "unreachable",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'disconnected'), 0) AS "disconnected",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'bad answer'), 0) AS "bad_answer",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" LIKE 'exception%'), 0) AS "exception",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'not available'), 0) AS "not_available",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'invalid value'), 0) AS "invalid_value",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'offline'), 0) AS "offline",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'refused before'), 0) AS "refused_before",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'deadline'), 0) AS "deadline",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'shutdown'), 0) AS "shutdown",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'missed'), 0) AS "missed",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'down'), 0) AS "down",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'rejected'), 0) AS "rejected",
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'lost'), 0) AS "lost"
FROM "coverage_quarter" c JOIN "meter" m ON m."id" = c."meter_id"
GROUP BY m."name", c."hour";
