-- TimescaleDB instead of monthly partitions: `reading` becomes a hypertable of daily chunks.
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f prisma/optional/timescaledb.sql
--
-- Run it once, after EMDC has made its tables, with the collectors stopped; running it again changes nothing. All or
-- nothing. EMDC goes on as before: it finds that months need no partitions any more. Retention is then TimescaleDB's:
-- set `retention.readings: forever` in EMDC and, say, SELECT add_retention_policy('reading', INTERVAL '90 days').
--
-- Verified on PostgreSQL 15 without the extension: it stops with a message, and nothing has changed.
-- Not verified: a run on a server with TimescaleDB. Try it on a copy first.

DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb') THEN
    RAISE EXCEPTION 'TimescaleDB is not installed on this server';
  END IF;
  CREATE EXTENSION IF NOT EXISTS timescaledb;
  IF EXISTS (SELECT 1 FROM timescaledb_information.hypertables
             WHERE hypertable_schema = current_schema() AND hypertable_name = 'reading') THEN
    RAISE NOTICE 'reading is a hypertable already';
    RETURN;
  END IF;

  -- Views hold on to the table itself, not to its name.
  DROP VIEW "measurement", "latest_measurement", "data";
  ALTER TABLE "reading" RENAME TO "reading_partitioned";
  ALTER TABLE "reading_partitioned" RENAME CONSTRAINT "reading_pkey" TO "reading_partitioned_pkey";
  CREATE TABLE "reading" (
    "topic_id" INTEGER NOT NULL,
    "ts" TIMESTAMPTZ(3) NOT NULL,
    "value" DOUBLE PRECISION NOT NULL,
    CONSTRAINT "reading_pkey" PRIMARY KEY ("topic_id", "ts")
  );
  PERFORM create_hypertable('reading', 'ts', chunk_time_interval => INTERVAL '1 day', create_default_indexes => false);
  INSERT INTO "reading" SELECT "topic_id", "ts", "value" FROM "reading_partitioned";
  DROP TABLE "reading_partitioned";

  CREATE OR REPLACE FUNCTION "make_reading_partition"("at" TIMESTAMPTZ) RETURNS VOID LANGUAGE sql AS '';

  CREATE VIEW "measurement" AS
  SELECT r."ts" AS "time", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit", r."value" AS "value"
  FROM "reading" r JOIN "topic" t ON t."id" = r."topic_id" JOIN "meter" m ON m."id" = t."meter_id";
  CREATE VIEW "latest_measurement" AS
  SELECT r."ts" AS "time", m."name" AS "meter", t."metric" AS "metric", t."name" AS "topic", t."unit" AS "unit", r."value" AS "value"
  FROM "topic" t JOIN "meter" m ON m."id" = t."meter_id"
  CROSS JOIN LATERAL (SELECT "ts", "value" FROM "reading" WHERE "topic_id" = t."id" ORDER BY "ts" DESC LIMIT 1) r;
  CREATE VIEW "data" AS SELECT "ts", "topic_id", "value"::text AS "value_string" FROM "reading";
END $$;
