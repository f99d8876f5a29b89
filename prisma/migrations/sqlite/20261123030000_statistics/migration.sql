-- What the query planner is told of reading_history: every topic has many readings. With it the readings of a stretch of
-- time are found by leaping from topic to topic; without, by reading the whole history. Running ANALYZE would do no harm.
DELETE FROM "sqlite_stat1" WHERE "tbl" = 'reading_history';
INSERT INTO "sqlite_stat1" ("tbl", "idx", "stat") VALUES ('reading_history', 'reading_history', '100000000 100000 1');
ANALYZE "sqlite_schema";
