-- `reading_recent` holds up to some hours now, moved at once, and rollups are made of an hour before it is moved.
-- `closed_until` says of which: the quarters before it have been marked in `stale`, and whoever writes into one marks it
-- again; those from it on are marked when their hour is over. Never before `moving_until`.
INSERT INTO "upkeep" ("name", "value") SELECT 'closed_until', "value" FROM "upkeep" WHERE "name" = 'moving_until';

-- An hour that is being moved would have been marked at the end of it.
INSERT INTO "stale" ("meter_id", "bucket")
SELECT "meter"."id", "moved"."value" + "quarter"."value" * 900000
FROM "upkeep" "moved", "upkeep" "moving", json_each('[0, 1, 2, 3]') "quarter", "meter"
WHERE "moved"."name" = 'moved_until' AND "moving"."name" = 'moving_until' AND "moved"."value" < "moving"."value"
ON CONFLICT DO NOTHING;
