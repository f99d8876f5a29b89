-- Times are integers: milliseconds since 1970 UTC.

CREATE TABLE "meter" (
  "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "name" TEXT NOT NULL,
  "host" TEXT NOT NULL,
  "port" INTEGER NOT NULL,
  "unit_id" INTEGER NOT NULL,
  "map" TEXT NOT NULL
);
CREATE UNIQUE INDEX "meter_name_key" ON "meter"("name");

CREATE TABLE "topic" (
  "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
  "meter_id" INTEGER NOT NULL,
  "metric" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "description" TEXT NOT NULL,
  "unit" TEXT NOT NULL,
  "data_type" TEXT NOT NULL,
  "kind" TEXT NOT NULL,
  "counter_range" REAL
);
CREATE UNIQUE INDEX "topic_name_key" ON "topic"("name");
CREATE INDEX "topic_meter_id_idx" ON "topic"("meter_id");

-- Readings lie twice over: the newest hour in time order, where a cycle touches one or two pages however many topics it
-- has, and everything older in topic order, where a topic's day is one short stretch. Upkeep moves an hour at a time:
-- it copies the hour's topics one after another while `moving_until` already points behind it, and ends by setting
-- `moved_until`, which decides what counts: history before it, recent from it on. Readings that come late go to history
-- where they lie before `moving_until`, to recent where they lie from `moved_until` on, in between to both.
CREATE TABLE "reading_recent" (
  "ts" DATETIME NOT NULL,
  "topic_id" INTEGER NOT NULL,
  "value" REAL NOT NULL,
  PRIMARY KEY ("ts", "topic_id")
) WITHOUT ROWID;

CREATE TABLE "reading_history" (
  "topic_id" INTEGER NOT NULL,
  "ts" DATETIME NOT NULL,
  "value" REAL NOT NULL,
  PRIMARY KEY ("topic_id", "ts")
) WITHOUT ROWID;

CREATE TABLE "poll" (
  "slot" DATETIME NOT NULL,
  "meter_id" INTEGER NOT NULL,
  "read_at" DATETIME NOT NULL,
  "duration_ms" INTEGER NOT NULL,
  "requests" INTEGER NOT NULL,
  "expected" INTEGER NOT NULL,
  "stored" INTEGER NOT NULL,
  "error" TEXT,
  PRIMARY KEY ("slot", "meter_id")
) WITHOUT ROWID;

CREATE TABLE "gap" (
  "ts" DATETIME NOT NULL,
  "meter_id" INTEGER NOT NULL,
  "reason" TEXT NOT NULL,
  "until" DATETIME NOT NULL,
  "slots" INTEGER NOT NULL,
  "readings" INTEGER NOT NULL,
  PRIMARY KEY ("ts", "meter_id", "reason")
) WITHOUT ROWID;

CREATE TABLE "rollup" (
  "topic_id" INTEGER NOT NULL,
  "bucket" DATETIME NOT NULL,
  "count" INTEGER NOT NULL,
  "min" REAL NOT NULL,
  "max" REAL NOT NULL,
  "mean" REAL NOT NULL,
  "first" REAL NOT NULL,
  "last" REAL NOT NULL,
  "first_ts" DATETIME NOT NULL,
  "last_ts" DATETIME NOT NULL,
  "increase" REAL NOT NULL,
  "wraps" INTEGER NOT NULL,
  "resets" INTEGER NOT NULL,
  "suspect" INTEGER NOT NULL,
  PRIMARY KEY ("topic_id", "bucket")
) WITHOUT ROWID;

CREATE TABLE "stale" (
  "meter_id" INTEGER NOT NULL,
  "bucket" DATETIME NOT NULL,
  PRIMARY KEY ("meter_id", "bucket")
) WITHOUT ROWID;

CREATE TABLE "upkeep" (
  "name" TEXT NOT NULL PRIMARY KEY,
  "value" BIGINT NOT NULL
) WITHOUT ROWID;
INSERT INTO "upkeep" ("name", "value") VALUES
  ('moved_until', unixepoch() / 3600 * 3600000), ('moving_until', unixepoch() / 3600 * 3600000), ('move_topic', 0);

-- What the query planner is told of reading_recent: many topics share a time. With it a topic is found by leaping from
-- time to time, a hundred times faster than by reading the whole hour. Running ANALYZE would do no harm.
ANALYZE "meter";
INSERT INTO "sqlite_stat1" ("tbl", "idx", "stat") VALUES ('reading_recent', 'reading_recent', '1000000 1000 1');
ANALYZE "sqlite_schema";

CREATE VIEW "reading" AS
SELECT "topic_id", "ts", "value" FROM "reading_history"
WHERE "ts" < (SELECT "value" FROM "upkeep" WHERE "name" = 'moved_until')
UNION ALL
SELECT "topic_id", "ts", "value" FROM "reading_recent"
WHERE "ts" >= (SELECT "value" FROM "upkeep" WHERE "name" = 'moved_until');

-- Joined within each half, so that conditions on time and topic reach the keys. `time` is in milliseconds, as Grafana's
-- $__from and $__to: WHERE time BETWEEN $__from AND $__to, and SELECT time / 1000 AS time.
CREATE VIEW "measurement" AS
SELECT r."ts" AS "time", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit", r."value" AS "value"
FROM "reading_history" r JOIN "topic" t ON t."id" = r."topic_id" JOIN "meter" m ON m."id" = t."meter_id"
WHERE r."ts" < (SELECT "value" FROM "upkeep" WHERE "name" = 'moved_until')
UNION ALL
SELECT r."ts", m."name", t."metric", t."name", t."unit", r."value"
FROM "reading_recent" r JOIN "topic" t ON t."id" = r."topic_id" JOIN "meter" m ON m."id" = t."meter_id"
WHERE r."ts" >= (SELECT "value" FROM "upkeep" WHERE "name" = 'moved_until');

-- The newest value of a topic is nearly always one of its meter's newest poll; else it is looked for. Both halves are
-- asked by their keys: joined with the view `reading`, the planner may begin with the whole history.
CREATE VIEW "latest_measurement" AS
SELECT l."ts" AS "time", l."meter" AS "meter", l."metric" AS "metric", l."topic" AS "topic", l."unit" AS "unit",
  coalesce(
    (SELECT "value" FROM "reading_recent" WHERE "ts" = l."ts" AND "topic_id" = l."id"),
    (SELECT "value" FROM "reading_history" WHERE "topic_id" = l."id" AND "ts" = l."ts")
  ) AS "value"
FROM (
  SELECT t."id", m."name" AS "meter", t."metric", t."name" AS "topic", t."unit",
    coalesce(
      (SELECT "ts" FROM "reading_recent" WHERE "ts" = m."newest" AND "topic_id" = t."id"),
      (SELECT max("ts") FROM "reading_recent" WHERE "topic_id" = t."id"),
      (SELECT max("ts") FROM "reading_history" WHERE "topic_id" = t."id")
    ) AS "ts"
  FROM (
    SELECT "id", "name",
      (SELECT "slot" FROM "poll" p WHERE p."meter_id" = "meter"."id" AND p."stored" > 0
         AND p."slot" >= (SELECT "value" FROM "upkeep" WHERE "name" = 'moved_until') ORDER BY p."slot" DESC LIMIT 1) AS "newest"
    FROM "meter"
  ) m JOIN "topic" t ON t."meter_id" = m."id"
) l WHERE l."ts" IS NOT NULL;

CREATE VIEW "coverage" AS
SELECT c."hour" AS "time", m."name" AS "meter",
  sum(c."expected") AS "expected", sum(c."stored") AS "stored", sum(c."expected") - sum(c."stored") AS "missing",
  sum(CASE WHEN c."reason" = 'timeout' THEN c."readings" ELSE 0 END) AS "timeout",
  sum(CASE WHEN c."reason" = 'unreachable' THEN c."readings" ELSE 0 END) AS "unreachable",
  sum(CASE WHEN c."reason" = 'disconnected' THEN c."readings" ELSE 0 END) AS "disconnected",
  sum(CASE WHEN c."reason" = 'bad answer' THEN c."readings" ELSE 0 END) AS "bad_answer",
  sum(CASE WHEN c."reason" LIKE 'exception%' THEN c."readings" ELSE 0 END) AS "exception",
  sum(CASE WHEN c."reason" = 'not available' THEN c."readings" ELSE 0 END) AS "not_available",
  sum(CASE WHEN c."reason" = 'invalid value' THEN c."readings" ELSE 0 END) AS "invalid_value",
  sum(CASE WHEN c."reason" = 'offline' THEN c."readings" ELSE 0 END) AS "offline",
  sum(CASE WHEN c."reason" = 'refused before' THEN c."readings" ELSE 0 END) AS "refused_before",
  sum(CASE WHEN c."reason" = 'deadline' THEN c."readings" ELSE 0 END) AS "deadline",
  sum(CASE WHEN c."reason" = 'shutdown' THEN c."readings" ELSE 0 END) AS "shutdown",
  sum(CASE WHEN c."reason" = 'missed' THEN c."readings" ELSE 0 END) AS "missed",
  sum(CASE WHEN c."reason" = 'down' THEN c."readings" ELSE 0 END) AS "down"
FROM (
  SELECT "meter_id", "slot" - "slot" % 3600000 AS "hour", "expected", "stored", NULL AS "reason", 0 AS "readings" FROM "poll"
  UNION ALL
  SELECT "meter_id", "ts" - "ts" % 3600000, CASE WHEN "until" > "ts" THEN "readings" ELSE 0 END, 0, "reason", "readings" FROM "gap"
) c JOIN "meter" m ON m."id" = c."meter_id"
GROUP BY m."name", c."hour";

-- What each counter ran forward in each quarter of an hour, between the last reading before it and its own last reading.
-- A step is `forward`; a `wrap` where it falls by more than half of the counter's range, and then counts modulo the
-- range; a `reset` where it falls to less than half, and then counts from zero; anything else (backward, or forward by
-- more than half of the range) is suspect and counts nothing.
CREATE VIEW "counter_quarter" AS
SELECT s."topic_id" AS "topic_id", s."bucket" AS "time",
  s."increase" + CASE s."outcome" WHEN 'forward' THEN s."first" - s."before" WHEN 'wrap' THEN s."first" + s."counter_range" - s."before"
    WHEN 'reset' THEN s."first" ELSE 0 END AS "consumption",
  CASE WHEN s."suspect" > 0 OR s."outcome" IN ('extreme', 'jump', 'backward') THEN 4
    WHEN s."resets" > 0 OR s."outcome" = 'reset' THEN 3 WHEN s."wraps" > 0 OR s."outcome" = 'wrap' THEN 2
    WHEN s."gap" THEN 1 ELSE 0 END AS "severity"
FROM (
  SELECT r."topic_id", r."bucket", r."first", r."increase", r."wraps", r."resets", r."suspect", t."counter_range", p."last" AS "before",
    coalesce(r."bucket" - p."bucket" > 900000, FALSE) AS "gap",
    CASE WHEN p."last" IS NULL THEN 'none' WHEN abs(p."last") > 1e290 OR abs(r."first") > 1e290 THEN 'extreme'
      WHEN r."first" >= p."last" AND r."first" - p."last" > t."counter_range" / 2 THEN 'jump' WHEN r."first" >= p."last" THEN 'forward'
      WHEN p."last" - r."first" > t."counter_range" / 2 THEN 'wrap' WHEN r."first" >= 0 AND r."first" < p."last" / 2 THEN 'reset' ELSE 'backward' END AS "outcome"
  FROM "rollup" r JOIN "topic" t ON t."id" = r."topic_id" AND t."kind" = 'counter'
  LEFT JOIN "rollup" p ON p."topic_id" = r."topic_id"
    AND p."bucket" = (SELECT max(b."bucket") FROM "rollup" b WHERE b."topic_id" = r."topic_id" AND b."bucket" < r."bucket")
) s;

-- Consumption per quarter, hour and day (UTC), with the worst of what happened: good, gap (readings were missing before
-- it: what ran meanwhile is counted here), wrap, reset, suspect (look at the readings; they are untouched).
CREATE VIEW "energy" AS
SELECT e."time" AS "time", 'quarter' AS "period", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit",
  e."consumption" AS "consumption",
  CASE e."severity" WHEN 4 THEN 'suspect' WHEN 3 THEN 'reset' WHEN 2 THEN 'wrap' WHEN 1 THEN 'gap' ELSE 'good' END AS "quality"
FROM "counter_quarter" e JOIN "topic" t ON t."id" = e."topic_id" JOIN "meter" m ON m."id" = t."meter_id"
UNION ALL
SELECT e."time" - e."time" % 3600000 AS "time", 'hour' AS "period", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit",
  sum(e."consumption") AS "consumption",
  CASE max(e."severity") WHEN 4 THEN 'suspect' WHEN 3 THEN 'reset' WHEN 2 THEN 'wrap' WHEN 1 THEN 'gap' ELSE 'good' END AS "quality"
FROM "counter_quarter" e JOIN "topic" t ON t."id" = e."topic_id" JOIN "meter" m ON m."id" = t."meter_id"
GROUP BY m."name", t."metric", t."name", t."unit", e."time" - e."time" % 3600000
UNION ALL
SELECT e."time" - e."time" % 86400000 AS "time", 'day' AS "period", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit",
  sum(e."consumption") AS "consumption",
  CASE max(e."severity") WHEN 4 THEN 'suspect' WHEN 3 THEN 'reset' WHEN 2 THEN 'wrap' WHEN 1 THEN 'gap' ELSE 'good' END AS "quality"
FROM "counter_quarter" e JOIN "topic" t ON t."id" = e."topic_id" JOIN "meter" m ON m."id" = t."meter_id"
GROUP BY m."name", t."metric", t."name", t."unit", e."time" - e."time" % 86400000;

-- VOLTTRON's schema, for what was built on it.
CREATE VIEW "topics" AS SELECT "id" AS "topic_id", "name" AS "topic_name" FROM "topic";
CREATE VIEW "meta" AS
SELECT "id" AS "topic_id", json_object('units', "unit", 'type', 'float', 'tz', 'UTC') AS "metadata" FROM "topic";
CREATE VIEW "data" AS
SELECT strftime('%Y-%m-%d %H:%M:%f', "ts" / 1000.0, 'unixepoch') AS "ts", "topic_id", CAST("value" AS TEXT) AS "value_string"
FROM "reading";
