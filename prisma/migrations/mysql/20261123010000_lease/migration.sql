-- Who of several collectors reads the meters, and until when by the database's own clock.
CREATE TABLE IF NOT EXISTS `lease` (
  `name` VARCHAR(64) NOT NULL PRIMARY KEY,
  `holder` VARCHAR(191) NOT NULL,
  `until` DATETIME(3) NOT NULL
);
