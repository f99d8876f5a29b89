-- Citus: readings, their rollups, polls and gaps spread over the workers; meters and topics on each of them.
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f prisma/optional/citus.sql
--
-- Run it once, after EMDC has made its tables, with the collectors stopped; running it again changes nothing. All or
-- nothing. Monthly partitions stay, and with them EMDC's retention.
--
-- Verified on PostgreSQL 15 without the extension: it stops with a message, and nothing has changed.
-- Not verified: a run on a cluster. EMDC writes a cycle as one statement with several INSERTs, which a cluster must take
-- (citus.multi_shard_modify_mode and the planner's limits on data-modifying WITH): try it on a copy first.

DO $$
DECLARE
  "distribution" RECORD;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'citus') THEN
    RAISE EXCEPTION 'Citus is not installed on this server';
  END IF;
  CREATE EXTENSION IF NOT EXISTS citus;
  FOR "distribution" IN
    SELECT * FROM (VALUES ('meter', NULL), ('topic', NULL), ('reading', 'topic_id'), ('rollup', 'topic_id'),
      ('poll', 'meter_id'), ('gap', 'meter_id'), ('stale', 'meter_id'), ('tally', 'meter_id')) AS d ("table", "key")
  LOOP
    CONTINUE WHEN EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = to_regclass("distribution"."table"));
    IF "distribution"."key" IS NULL THEN
      PERFORM create_reference_table("distribution"."table");
    ELSE
      PERFORM create_distributed_table("distribution"."table", "distribution"."key");
    END IF;
  END LOOP;
END $$;
