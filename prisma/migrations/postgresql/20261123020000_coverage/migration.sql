-- Polls and gaps, counted by quarter of an hour: what was to be read and what was (reason ''), and what is missing, by
-- reason. Whoever writes a poll or a gap marks its quarter in `stale`; upkeep counts the quarter and takes the mark away,
-- in one transaction. A quarter that is marked is read from poll and gap instead, unless it is so old (`pruned_until`, ms)
-- that some of its polls may have gone: what is counted of it never becomes less.
CREATE TABLE "tally" (
  "hour" TIMESTAMPTZ(3) NOT NULL,
  "meter_id" INTEGER NOT NULL,
  "bucket" TIMESTAMPTZ(3) NOT NULL,
  "reason" TEXT NOT NULL,
  "expected" INTEGER NOT NULL,
  "stored" INTEGER NOT NULL,
  "readings" INTEGER NOT NULL,
  "slots" INTEGER NOT NULL,
  CONSTRAINT "tally_pkey" PRIMARY KEY ("hour", "meter_id", "bucket", "reason")
);

INSERT INTO "upkeep" ("name", "value") VALUES ('pruned_until', 0);

-- 0: no readings came, its rollups stay as they are.
ALTER TABLE "stale" ADD COLUMN "readings" INTEGER NOT NULL DEFAULT 1;

-- What is there already is counted by upkeep, little by little.
INSERT INTO "stale" ("meter_id", "bucket", "readings")
SELECT "meter_id", date_bin('15 minutes', "slot", '1970-01-01 00:00:00Z'), 0 FROM "poll"
UNION
SELECT "meter_id", date_bin('15 minutes', "ts", '1970-01-01 00:00:00Z'), 0 FROM "gap"
ON CONFLICT DO NOTHING;

-- LATERAL, so that a marked quarter is found by its keys, whatever the planner believes of the tables. A span of a gap ends
-- in the hour in which it begins.
CREATE VIEW "coverage_quarter" AS
SELECT t."meter_id", t."hour", t."bucket", t."reason", t."expected", t."stored", t."readings", t."slots" FROM "tally" t
WHERE NOT EXISTS (SELECT 1 FROM "stale" s WHERE s."meter_id" = t."meter_id" AND s."bucket" = t."bucket"
  AND s."bucket" >= (SELECT to_timestamp("value" / 1000.0) FROM "upkeep" WHERE "name" = 'pruned_until'))
UNION ALL
SELECT s."meter_id", date_trunc('hour', s."bucket", 'UTC'), s."bucket", '', p."expected", p."stored", 0, 0
FROM "stale" s CROSS JOIN LATERAL (
  SELECT sum("expected")::int AS "expected", sum("stored")::int AS "stored" FROM "poll"
  WHERE "meter_id" = s."meter_id" AND "slot" >= s."bucket" AND "slot" < s."bucket" + INTERVAL '15 minutes'
) p WHERE p."expected" IS NOT NULL AND s."bucket" >= (SELECT to_timestamp("value" / 1000.0) FROM "upkeep" WHERE "name" = 'pruned_until')
UNION ALL
SELECT s."meter_id", date_trunc('hour', s."bucket", 'UTC'), s."bucket", g."reason", g."expected", 0, g."readings", g."slots"
FROM "stale" s CROSS JOIN LATERAL (
  SELECT "reason", sum(CASE WHEN "until" > "ts" THEN "readings" ELSE 0 END)::int AS "expected",
    sum("readings")::int AS "readings", sum("slots")::int AS "slots" FROM "gap"
  WHERE "meter_id" = s."meter_id" AND "ts" >= s."bucket" AND "ts" < s."bucket" + INTERVAL '15 minutes'
    AND "until" >= s."bucket" AND "until" <= s."bucket" + INTERVAL '1 hour' GROUP BY "reason"
) g WHERE s."bucket" >= (SELECT to_timestamp("value" / 1000.0) FROM "upkeep" WHERE "name" = 'pruned_until');

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
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'rejected'), 0) AS "rejected"
FROM "coverage_quarter" c JOIN "meter" m ON m."id" = c."meter_id"
GROUP BY m."name", c."hour";
