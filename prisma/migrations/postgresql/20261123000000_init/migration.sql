-- Times are timestamptz(3).

CREATE TABLE "meter" (
  "id" SERIAL NOT NULL,
  "name" TEXT NOT NULL,
  "host" TEXT NOT NULL,
  "port" INTEGER NOT NULL,
  "unit_id" INTEGER NOT NULL,
  "map" TEXT NOT NULL,
  CONSTRAINT "meter_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "meter_name_key" ON "meter"("name");

CREATE TABLE "topic" (
  "id" SERIAL NOT NULL,
  "meter_id" INTEGER NOT NULL,
  "metric" TEXT NOT NULL,
  "name" TEXT NOT NULL,
  "description" TEXT NOT NULL,
  "unit" TEXT NOT NULL,
  "data_type" TEXT NOT NULL,
  "kind" TEXT NOT NULL,
  "counter_range" DOUBLE PRECISION,
  CONSTRAINT "topic_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "topic_name_key" ON "topic"("name");
CREATE INDEX "topic_meter_id_idx" ON "topic"("meter_id");

-- Topic before time: a central database holds thousands of topics, and whoever looks at one of them over a day should
-- not read them all. It costs the server twice the log of the other order, and no SD card. Monthly partitions make
-- retention a DROP TABLE. No foreign keys: they would cost as much as the rows themselves.
CREATE TABLE "reading" (
  "topic_id" INTEGER NOT NULL,
  "ts" TIMESTAMPTZ(3) NOT NULL,
  "value" DOUBLE PRECISION NOT NULL,
  CONSTRAINT "reading_pkey" PRIMARY KEY ("topic_id", "ts")
) PARTITION BY RANGE ("ts");

-- Makes the partition of the month that a time lies in. There is no default partition, since one that holds a row of a
-- month keeps that month from getting its own. Attaching locks out neither readers nor writers.
CREATE FUNCTION "make_reading_partition"("at" TIMESTAMPTZ) RETURNS VOID LANGUAGE plpgsql AS $$
DECLARE
  "month" TIMESTAMP := date_trunc('month', "at" AT TIME ZONE 'UTC');
  "name" TEXT := 'reading_' || to_char("month", 'YYYY_MM');
BEGIN
  IF to_regclass(quote_ident("name")) IS NOT NULL THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(72707370);
  -- Asked of the catalogue itself: to_regclass would repeat its answer from before the wait.
  PERFORM 1 FROM pg_class WHERE relname = "name" AND relnamespace = current_schema()::regnamespace;
  IF FOUND THEN RETURN; END IF;
  EXECUTE format('CREATE TABLE %I (LIKE "reading" INCLUDING ALL)', "name");
  EXECUTE format('ALTER TABLE "reading" ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', "name",
    "month" AT TIME ZONE 'UTC', ("month" + INTERVAL '1 month') AT TIME ZONE 'UTC');
END $$;

CREATE TABLE "poll" (
  "slot" TIMESTAMPTZ(3) NOT NULL,
  "meter_id" INTEGER NOT NULL,
  "read_at" TIMESTAMPTZ(3) NOT NULL,
  "duration_ms" INTEGER NOT NULL,
  "requests" INTEGER NOT NULL,
  "expected" INTEGER NOT NULL,
  "stored" INTEGER NOT NULL,
  "error" TEXT,
  CONSTRAINT "poll_pkey" PRIMARY KEY ("slot", "meter_id")
);
CREATE INDEX "poll_meter_id_slot_idx" ON "poll"("meter_id", "slot");

CREATE TABLE "gap" (
  "ts" TIMESTAMPTZ(3) NOT NULL,
  "meter_id" INTEGER NOT NULL,
  "reason" TEXT NOT NULL,
  "until" TIMESTAMPTZ(3) NOT NULL,
  "slots" INTEGER NOT NULL,
  "readings" INTEGER NOT NULL,
  CONSTRAINT "gap_pkey" PRIMARY KEY ("ts", "meter_id", "reason")
);
CREATE INDEX "gap_meter_id_until_idx" ON "gap"("meter_id", "until");

CREATE TABLE "rollup" (
  "topic_id" INTEGER NOT NULL,
  "bucket" TIMESTAMPTZ(3) NOT NULL,
  "count" INTEGER NOT NULL,
  "min" DOUBLE PRECISION NOT NULL,
  "max" DOUBLE PRECISION NOT NULL,
  "mean" DOUBLE PRECISION NOT NULL,
  "first" DOUBLE PRECISION NOT NULL,
  "last" DOUBLE PRECISION NOT NULL,
  "first_ts" TIMESTAMPTZ(3) NOT NULL,
  "last_ts" TIMESTAMPTZ(3) NOT NULL,
  "increase" DOUBLE PRECISION NOT NULL,
  "wraps" INTEGER NOT NULL,
  "resets" INTEGER NOT NULL,
  "suspect" INTEGER NOT NULL,
  CONSTRAINT "rollup_pkey" PRIMARY KEY ("topic_id", "bucket")
);

CREATE TABLE "stale" (
  "meter_id" INTEGER NOT NULL,
  "bucket" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "stale_pkey" PRIMARY KEY ("meter_id", "bucket")
);

CREATE TABLE "upkeep" (
  "name" TEXT NOT NULL,
  "value" BIGINT NOT NULL,
  CONSTRAINT "upkeep_pkey" PRIMARY KEY ("name")
);

CREATE VIEW "measurement" AS
SELECT r."ts" AS "time", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit", r."value" AS "value"
FROM "reading" r JOIN "topic" t ON t."id" = r."topic_id" JOIN "meter" m ON m."id" = t."meter_id";

CREATE VIEW "latest_measurement" AS
SELECT r."ts" AS "time", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit", r."value" AS "value"
FROM "topic" t JOIN "meter" m ON m."id" = t."meter_id"
CROSS JOIN LATERAL (SELECT "ts", "value" FROM "reading" WHERE "topic_id" = t."id" ORDER BY "ts" DESC LIMIT 1) r;

CREATE VIEW "coverage" AS
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
  coalesce(sum(c."readings") FILTER (WHERE c."reason" = 'down'), 0) AS "down"
FROM (
  SELECT "meter_id", date_trunc('hour', "slot", 'UTC') AS "hour", "expected", "stored", NULL AS "reason", 0 AS "readings" FROM "poll"
  UNION ALL
  SELECT "meter_id", date_trunc('hour', "ts", 'UTC'), CASE WHEN "until" > "ts" THEN "readings" ELSE 0 END, 0, "reason", "readings" FROM "gap"
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
    coalesce(r."bucket" - p."bucket" > INTERVAL '15 minutes', FALSE) AS "gap",
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
SELECT date_trunc('hour', e."time", 'UTC') AS "time", 'hour' AS "period", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit",
  sum(e."consumption") AS "consumption",
  CASE max(e."severity") WHEN 4 THEN 'suspect' WHEN 3 THEN 'reset' WHEN 2 THEN 'wrap' WHEN 1 THEN 'gap' ELSE 'good' END AS "quality"
FROM "counter_quarter" e JOIN "topic" t ON t."id" = e."topic_id" JOIN "meter" m ON m."id" = t."meter_id"
GROUP BY m."name", t."metric", t."name", t."unit", date_trunc('hour', e."time", 'UTC')
UNION ALL
SELECT date_trunc('day', e."time", 'UTC') AS "time", 'day' AS "period", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit",
  sum(e."consumption") AS "consumption",
  CASE max(e."severity") WHEN 4 THEN 'suspect' WHEN 3 THEN 'reset' WHEN 2 THEN 'wrap' WHEN 1 THEN 'gap' ELSE 'good' END AS "quality"
FROM "counter_quarter" e JOIN "topic" t ON t."id" = e."topic_id" JOIN "meter" m ON m."id" = t."meter_id"
GROUP BY m."name", t."metric", t."name", t."unit", date_trunc('day', e."time", 'UTC');

-- VOLTTRON's schema, for what was built on it.
CREATE VIEW "topics" AS SELECT "id" AS "topic_id", "name" AS "topic_name" FROM "topic";
CREATE VIEW "meta" AS
SELECT "id" AS "topic_id", json_build_object('units', "unit", 'type', 'float', 'tz', 'UTC')::text AS "metadata" FROM "topic";
CREATE VIEW "data" AS SELECT "ts", "topic_id", "value"::text AS "value_string" FROM "reading";
