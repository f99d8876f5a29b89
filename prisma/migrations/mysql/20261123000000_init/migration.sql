-- Times are DATETIME(3) in UTC. Every statement may be run again: MySQL cannot undo DDL, so a migration that was
-- interrupted is run from its start. Names are compared byte by byte: kWh and kwh are two metrics.

CREATE TABLE IF NOT EXISTS `meter` (
  `id` INTEGER NOT NULL AUTO_INCREMENT,
  `name` VARCHAR(255) NOT NULL,
  `host` VARCHAR(255) NOT NULL,
  `port` INTEGER NOT NULL,
  `unit_id` INTEGER NOT NULL,
  `map` VARCHAR(255) NOT NULL,
  UNIQUE INDEX `meter_name_key`(`name`),
  PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `topic` (
  `id` INTEGER NOT NULL AUTO_INCREMENT,
  `meter_id` INTEGER NOT NULL,
  `metric` VARCHAR(255) NOT NULL,
  `name` VARCHAR(512) NOT NULL,
  `description` TEXT NOT NULL,
  `unit` VARCHAR(64) NOT NULL,
  `data_type` VARCHAR(16) NOT NULL,
  `kind` VARCHAR(16) NOT NULL,
  `counter_range` DOUBLE NULL,
  UNIQUE INDEX `topic_name_key`(`name`),
  INDEX `topic_meter_id_idx`(`meter_id`),
  PRIMARY KEY (`id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The primary key is the table: a topic's readings lie together, in order of time.
CREATE TABLE IF NOT EXISTS `reading` (
  `topic_id` INTEGER NOT NULL,
  `ts` DATETIME(3) NOT NULL,
  `value` DOUBLE NOT NULL,
  PRIMARY KEY (`topic_id`, `ts`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `poll` (
  `slot` DATETIME(3) NOT NULL,
  `meter_id` INTEGER NOT NULL,
  `read_at` DATETIME(3) NOT NULL,
  `duration_ms` INTEGER NOT NULL,
  `requests` INTEGER NOT NULL,
  `expected` INTEGER NOT NULL,
  `stored` INTEGER NOT NULL,
  `error` TEXT NULL,
  INDEX `poll_meter_id_slot_idx`(`meter_id`, `slot`),
  PRIMARY KEY (`slot`, `meter_id`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `gap` (
  `ts` DATETIME(3) NOT NULL,
  `meter_id` INTEGER NOT NULL,
  `reason` VARCHAR(32) NOT NULL,
  `until` DATETIME(3) NOT NULL,
  `slots` INTEGER NOT NULL,
  `readings` INTEGER NOT NULL,
  INDEX `gap_meter_id_until_idx`(`meter_id`, `until`),
  PRIMARY KEY (`ts`, `meter_id`, `reason`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `rollup` (
  `topic_id` INTEGER NOT NULL,
  `bucket` DATETIME(3) NOT NULL,
  `count` INTEGER NOT NULL,
  `min` DOUBLE NOT NULL,
  `max` DOUBLE NOT NULL,
  `mean` DOUBLE NOT NULL,
  `first` DOUBLE NOT NULL,
  `last` DOUBLE NOT NULL,
  `first_ts` DATETIME(3) NOT NULL,
  `last_ts` DATETIME(3) NOT NULL,
  `increase` DOUBLE NOT NULL,
  `wraps` INTEGER NOT NULL,
  `resets` INTEGER NOT NULL,
  `suspect` INTEGER NOT NULL,
  PRIMARY KEY (`topic_id`, `bucket`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `stale` (
  `meter_id` INTEGER NOT NULL,
  `bucket` DATETIME(3) NOT NULL,
  PRIMARY KEY (`meter_id`, `bucket`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `upkeep` (
  `name` VARCHAR(64) NOT NULL,
  `value` BIGINT NOT NULL,
  PRIMARY KEY (`name`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE OR REPLACE VIEW `measurement` AS
SELECT r.`ts` AS `time`, m.`name` AS `meter`, t.`metric` AS `metric`, t.`name` AS `topic`, t.`unit` AS `unit`, r.`value` AS `value`
FROM `reading` r JOIN `topic` t ON t.`id` = r.`topic_id` JOIN `meter` m ON m.`id` = t.`meter_id`;

-- ORDER BY … LIMIT 1 and not max(), for which the topic's whole history would be read.
CREATE OR REPLACE VIEW `latest_measurement` AS
SELECT r.`ts` AS `time`, m.`name` AS `meter`, t.`metric` AS `metric`, t.`name` AS `topic`, t.`unit` AS `unit`, r.`value` AS `value`
FROM `topic` t JOIN `meter` m ON m.`id` = t.`meter_id`
JOIN `reading` r ON r.`topic_id` = t.`id` AND r.`ts` = (SELECT n.`ts` FROM `reading` n WHERE n.`topic_id` = t.`id` ORDER BY n.`ts` DESC LIMIT 1);

CREATE OR REPLACE VIEW `coverage` AS
SELECT CAST(c.`hour` AS DATETIME) AS `time`, m.`name` AS `meter`,
  sum(c.`expected`) AS `expected`, sum(c.`stored`) AS `stored`, sum(c.`expected`) - sum(c.`stored`) AS `missing`,
  sum(CASE WHEN c.`reason` = 'timeout' THEN c.`readings` ELSE 0 END) AS `timeout`,
  sum(CASE WHEN c.`reason` = 'unreachable' THEN c.`readings` ELSE 0 END) AS `unreachable`,
  sum(CASE WHEN c.`reason` = 'disconnected' THEN c.`readings` ELSE 0 END) AS `disconnected`,
  sum(CASE WHEN c.`reason` = 'bad answer' THEN c.`readings` ELSE 0 END) AS `bad_answer`,
  sum(CASE WHEN c.`reason` LIKE 'exception%' THEN c.`readings` ELSE 0 END) AS `exception`,
  sum(CASE WHEN c.`reason` = 'not available' THEN c.`readings` ELSE 0 END) AS `not_available`,
  sum(CASE WHEN c.`reason` = 'invalid value' THEN c.`readings` ELSE 0 END) AS `invalid_value`,
  sum(CASE WHEN c.`reason` = 'offline' THEN c.`readings` ELSE 0 END) AS `offline`,
  sum(CASE WHEN c.`reason` = 'refused before' THEN c.`readings` ELSE 0 END) AS `refused_before`,
  sum(CASE WHEN c.`reason` = 'deadline' THEN c.`readings` ELSE 0 END) AS `deadline`,
  sum(CASE WHEN c.`reason` = 'shutdown' THEN c.`readings` ELSE 0 END) AS `shutdown`,
  sum(CASE WHEN c.`reason` = 'missed' THEN c.`readings` ELSE 0 END) AS `missed`,
  sum(CASE WHEN c.`reason` = 'down' THEN c.`readings` ELSE 0 END) AS `down`
FROM (
  SELECT `meter_id`, DATE_FORMAT(`slot`, '%Y-%m-%d %H:00:00') AS `hour`, `expected`, `stored`, NULL AS `reason`, 0 AS `readings` FROM `poll`
  UNION ALL
  SELECT `meter_id`, DATE_FORMAT(`ts`, '%Y-%m-%d %H:00:00'), CASE WHEN `until` > `ts` THEN `readings` ELSE 0 END, 0, `reason`, `readings` FROM `gap`
) c JOIN `meter` m ON m.`id` = c.`meter_id`
GROUP BY m.`name`, c.`hour`;

-- What each counter ran forward in each quarter of an hour, between the last reading before it and its own last reading.
-- A step is `forward`; a `wrap` where it falls by more than half of the counter's range, and then counts modulo the
-- range; a `reset` where it falls to less than half, and then counts from zero; anything else (backward, or forward by
-- more than half of the range) is suspect and counts nothing. The quarter before is nearly always the one just before:
-- to look for another, the topic's whole history is read.
CREATE OR REPLACE VIEW `counter_quarter` AS
SELECT s.`topic_id` AS `topic_id`, s.`bucket` AS `time`,
  s.`increase` + CASE s.`outcome` WHEN 'forward' THEN s.`first` - s.`before` WHEN 'wrap' THEN s.`first` + s.`counter_range` - s.`before`
    WHEN 'reset' THEN s.`first` ELSE 0 END AS `consumption`,
  CASE WHEN s.`suspect` > 0 OR s.`outcome` IN ('extreme', 'jump', 'backward') THEN 4
    WHEN s.`resets` > 0 OR s.`outcome` = 'reset' THEN 3 WHEN s.`wraps` > 0 OR s.`outcome` = 'wrap' THEN 2
    WHEN s.`gap` THEN 1 ELSE 0 END AS `severity`
FROM (
  SELECT r.`topic_id`, r.`bucket`, r.`first`, r.`increase`, r.`wraps`, r.`resets`, r.`suspect`, t.`counter_range`, p.`last` AS `before`,
    coalesce(r.`bucket` > p.`bucket` + INTERVAL 15 MINUTE, FALSE) AS `gap`,
    CASE WHEN p.`last` IS NULL THEN 'none' WHEN abs(p.`last`) > 1e290 OR abs(r.`first`) > 1e290 THEN 'extreme'
      WHEN r.`first` >= p.`last` AND r.`first` - p.`last` > t.`counter_range` / 2 THEN 'jump' WHEN r.`first` >= p.`last` THEN 'forward'
      WHEN p.`last` - r.`first` > t.`counter_range` / 2 THEN 'wrap' WHEN r.`first` >= 0 AND r.`first` < p.`last` / 2 THEN 'reset' ELSE 'backward' END AS `outcome`
  FROM `rollup` r JOIN `topic` t ON t.`id` = r.`topic_id` AND t.`kind` = 'counter'
  LEFT JOIN `rollup` p ON p.`topic_id` = r.`topic_id`
    AND p.`bucket` = coalesce(
      (SELECT b.`bucket` FROM `rollup` b WHERE b.`topic_id` = r.`topic_id` AND b.`bucket` = r.`bucket` - INTERVAL 15 MINUTE),
      (SELECT max(b.`bucket`) FROM `rollup` b WHERE b.`topic_id` = r.`topic_id` AND b.`bucket` < r.`bucket`))
) s;

-- Consumption per quarter, hour and day (UTC), with the worst of what happened: good, gap (readings were missing before
-- it: what ran meanwhile is counted here), wrap, reset, suspect (look at the readings; they are untouched).
CREATE OR REPLACE VIEW `energy` AS
SELECT e.`time` AS `time`, 'quarter' AS `period`, m.`name` AS `meter`, t.`metric` AS `metric`, t.`name` AS `topic`, t.`unit` AS `unit`,
  e.`consumption` AS `consumption`,
  CASE e.`severity` WHEN 4 THEN 'suspect' WHEN 3 THEN 'reset' WHEN 2 THEN 'wrap' WHEN 1 THEN 'gap' ELSE 'good' END AS `quality`
FROM `counter_quarter` e JOIN `topic` t ON t.`id` = e.`topic_id` JOIN `meter` m ON m.`id` = t.`meter_id`
UNION ALL
SELECT CAST(DATE_FORMAT(e.`time`, '%Y-%m-%d %H:00:00') AS DATETIME) AS `time`, 'hour' AS `period`, m.`name` AS `meter`, t.`metric` AS `metric`, t.`name` AS `topic`, t.`unit` AS `unit`,
  sum(e.`consumption`) AS `consumption`,
  CASE max(e.`severity`) WHEN 4 THEN 'suspect' WHEN 3 THEN 'reset' WHEN 2 THEN 'wrap' WHEN 1 THEN 'gap' ELSE 'good' END AS `quality`
FROM `counter_quarter` e JOIN `topic` t ON t.`id` = e.`topic_id` JOIN `meter` m ON m.`id` = t.`meter_id`
GROUP BY m.`name`, t.`metric`, t.`name`, t.`unit`, CAST(DATE_FORMAT(e.`time`, '%Y-%m-%d %H:00:00') AS DATETIME)
UNION ALL
SELECT CAST(DATE(e.`time`) AS DATETIME) AS `time`, 'day' AS `period`, m.`name` AS `meter`, t.`metric` AS `metric`, t.`name` AS `topic`, t.`unit` AS `unit`,
  sum(e.`consumption`) AS `consumption`,
  CASE max(e.`severity`) WHEN 4 THEN 'suspect' WHEN 3 THEN 'reset' WHEN 2 THEN 'wrap' WHEN 1 THEN 'gap' ELSE 'good' END AS `quality`
FROM `counter_quarter` e JOIN `topic` t ON t.`id` = e.`topic_id` JOIN `meter` m ON m.`id` = t.`meter_id`
GROUP BY m.`name`, t.`metric`, t.`name`, t.`unit`, CAST(DATE(e.`time`) AS DATETIME);

-- VOLTTRON's schema, for what was built on it.
CREATE OR REPLACE VIEW `topics` AS SELECT `id` AS `topic_id`, `name` AS `topic_name` FROM `topic`;
CREATE OR REPLACE VIEW `meta` AS
SELECT `id` AS `topic_id`, CAST(JSON_OBJECT('units', `unit`, 'type', 'float', 'tz', 'UTC') AS CHAR) AS `metadata` FROM `topic`;
CREATE OR REPLACE VIEW `data` AS SELECT `ts`, `topic_id`, CAST(`value` AS CHAR) AS `value_string` FROM `reading`;
