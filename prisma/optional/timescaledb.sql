-- TimescaleDB: `poll` becomes a hypertable of weekly chunks.
--
--   psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -f prisma/optional/timescaledb.sql
--
-- Run it once, after EMDC has made its tables, with the collectors stopped; running it again changes nothing. All or
-- nothing. EMDC goes on as before, and deletes what is older than its own `retention.readings`; it neither compresses chunks
-- nor drops them.
--
-- Verified on PostgreSQL 15 without the extension: it stops with a message, and nothing has changed.
-- Not verified: a run on a server with TimescaleDB. Try it on a copy first.

DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb') THEN
    RAISE EXCEPTION 'TimescaleDB is not installed on this server';
  END IF;
  CREATE EXTENSION IF NOT EXISTS timescaledb;
  PERFORM create_hypertable('poll', 'slot', chunk_time_interval => INTERVAL '7 days',
    create_default_indexes => false, migrate_data => true, if_not_exists => true);
END $$;
