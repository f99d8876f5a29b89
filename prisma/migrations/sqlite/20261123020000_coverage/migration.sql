-- Polls and gaps, counted by quarter of an hour: what was to be read and what was (reason ''), and what is missing, by
-- reason. `counted_until` (ms) says how far: what lies before it has been added here, what lies behind it is read from
-- poll and gap. Upkeep adds the next stretch and moves it, in one transaction; what is written before it adds itself.
-- Pruning takes nothing away.
CREATE TABLE "tally" (
  "hour" DATETIME NOT NULL,
  "meter_id" INTEGER NOT NULL,
  "bucket" DATETIME NOT NULL,
  "reason" TEXT NOT NULL,
  "expected" INTEGER NOT NULL,
  "stored" INTEGER NOT NULL,
  "readings" INTEGER NOT NULL,
  "slots" INTEGER NOT NULL,
  PRIMARY KEY ("hour", "meter_id", "bucket", "reason")
) WITHOUT ROWID;

INSERT INTO "upkeep" ("name", "value") VALUES ('counted_until', 0);

-- For the servers, where it tells quarters whose rollups are to be made from those that are to be counted only.
ALTER TABLE "stale" ADD COLUMN "readings" INTEGER NOT NULL DEFAULT 1;

CREATE TRIGGER "poll_late" AFTER INSERT ON "poll"
WHEN NEW."slot" < (SELECT "value" FROM "upkeep" WHERE "name" = 'counted_until')
BEGIN
  INSERT INTO "tally" ("hour", "meter_id", "bucket", "reason", "expected", "stored", "readings", "slots")
  VALUES (NEW."slot" - NEW."slot" % 3600000, NEW."meter_id", NEW."slot" - NEW."slot" % 900000, '', NEW."expected", NEW."stored", 0, 0)
  ON CONFLICT DO UPDATE SET "expected" = "expected" + excluded."expected", "stored" = "stored" + excluded."stored";
END;

CREATE TRIGGER "gap_late" AFTER INSERT ON "gap"
WHEN NEW."ts" < (SELECT "value" FROM "upkeep" WHERE "name" = 'counted_until')
BEGIN
  INSERT INTO "tally" ("hour", "meter_id", "bucket", "reason", "expected", "stored", "readings", "slots")
  VALUES (NEW."ts" - NEW."ts" % 3600000, NEW."meter_id", NEW."ts" - NEW."ts" % 900000, NEW."reason",
    CASE WHEN NEW."until" > NEW."ts" THEN NEW."readings" ELSE 0 END, 0, NEW."readings", NEW."slots")
  ON CONFLICT DO UPDATE SET "expected" = "expected" + excluded."expected",
    "readings" = "readings" + excluded."readings", "slots" = "slots" + excluded."slots";
END;

CREATE TRIGGER "gap_longer" AFTER UPDATE ON "gap"
WHEN NEW."ts" < (SELECT "value" FROM "upkeep" WHERE "name" = 'counted_until')
BEGIN
  UPDATE "tally" SET
    "expected" = "expected" + CASE WHEN NEW."until" > NEW."ts" THEN NEW."readings" ELSE 0 END
      - CASE WHEN OLD."until" > OLD."ts" THEN OLD."readings" ELSE 0 END,
    "readings" = "readings" + NEW."readings" - OLD."readings", "slots" = "slots" + NEW."slots" - OLD."slots"
  WHERE "hour" = NEW."ts" - NEW."ts" % 3600000 AND "meter_id" = NEW."meter_id"
    AND "bucket" = NEW."ts" - NEW."ts" % 900000 AND "reason" = NEW."reason";
END;

-- One row per poll or gap where they have not been counted yet.
CREATE VIEW "coverage_quarter" AS
SELECT "meter_id", "hour", "bucket", "reason", "expected", "stored", "readings", "slots" FROM "tally"
UNION ALL
SELECT "meter_id", "slot" - "slot" % 3600000, "slot" - "slot" % 900000, '', "expected", "stored", 0, 0 FROM "poll"
WHERE "slot" >= (SELECT "value" FROM "upkeep" WHERE "name" = 'counted_until')
UNION ALL
SELECT "meter_id", "ts" - "ts" % 3600000, "ts" - "ts" % 900000, "reason",
  CASE WHEN "until" > "ts" THEN "readings" ELSE 0 END, 0, "readings", "slots" FROM "gap"
WHERE "ts" >= (SELECT "value" FROM "upkeep" WHERE "name" = 'counted_until');

DROP VIEW "coverage";
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
  sum(CASE WHEN c."reason" = 'down' THEN c."readings" ELSE 0 END) AS "down",
  sum(CASE WHEN c."reason" = 'rejected' THEN c."readings" ELSE 0 END) AS "rejected"
FROM "coverage_quarter" c JOIN "meter" m ON m."id" = c."meter_id"
GROUP BY m."name", c."hour";
