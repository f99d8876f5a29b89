-- Every DDL statement commits by itself: each may be run again after an interruption.
CREATE TABLE IF NOT EXISTS `meter` (
  `id` INTEGER NOT NULL AUTO_INCREMENT,
  `name` VARCHAR(255) NOT NULL,
  `host` VARCHAR(255) NOT NULL,
  `port` INTEGER NOT NULL,
  `unit_id` INTEGER NOT NULL,
  `map` VARCHAR(255) NOT NULL,
  `map_hash` VARCHAR(64),
  `ct_ratio` DOUBLE NOT NULL DEFAULT 1,
  `pt_ratio` DOUBLE NOT NULL DEFAULT 1,
  `serial_number` VARCHAR(191),
  `max_power` DOUBLE,
  `collector` VARCHAR(191) NOT NULL DEFAULT '',
  `retired` DATETIME(3) NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `meter_name_key` (`name`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `topic` (
  `id` INTEGER NOT NULL AUTO_INCREMENT,
  `meter_id` INTEGER NOT NULL,
  `position` INTEGER NOT NULL,
  `metric` VARCHAR(255) NOT NULL,
  `version` INTEGER NOT NULL DEFAULT 0,
  `name` VARCHAR(512) NOT NULL,
  `description` TEXT NOT NULL,
  `unit` VARCHAR(64) NOT NULL,
  `data_type` VARCHAR(16) NOT NULL,
  `kind` VARCHAR(16) NOT NULL,
  `counter_range` DOUBLE,
  `scaling` VARCHAR(255) NOT NULL DEFAULT '',
  `maximum` DOUBLE,
  `since` DATETIME(3) NOT NULL,
  `retired` DATETIME(3) NULL,
  PRIMARY KEY (`id`),
  UNIQUE INDEX `topic_meter_id_position_key` (`meter_id`, `position`),
  UNIQUE INDEX `topic_meter_id_metric_version_key` (`meter_id`, `metric`, `version`),
  INDEX `topic_name_idx` (`name`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `poll` (
  `meter_id` INTEGER NOT NULL,
  `slot` DATETIME(3) NOT NULL,
  `read_at` DATETIME(3) NOT NULL,
  `duration_ms` INTEGER NOT NULL,
  `requests` INTEGER NOT NULL,
  `expected` INTEGER NOT NULL,
  `stored` INTEGER NOT NULL,
  `by_hand` BOOLEAN NOT NULL,
  `readings` JSON,
  `missing` JSON,
  `error` TEXT,
  PRIMARY KEY (`meter_id`, `slot`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `gap` (
  `meter_id` INTEGER NOT NULL,
  `ts` DATETIME(3) NOT NULL,
  `until` DATETIME(3) NOT NULL,
  `reason` VARCHAR(32) NOT NULL,
  `slots` INTEGER NOT NULL,
  PRIMARY KEY (`meter_id`, `ts`, `reason`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `rollup` (
  `meter_id` INTEGER NOT NULL,
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
  `increase` DOUBLE,
  `quality` VARCHAR(16),
  `accepted` DOUBLE,
  `accepted_ts` DATETIME(3) NULL,
  PRIMARY KEY (`meter_id`, `topic_id`, `bucket`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `coverage_quarter` (
  `meter_id` INTEGER NOT NULL,
  `bucket` DATETIME(3) NOT NULL,
  `reason` VARCHAR(32) NOT NULL,
  `slots` INTEGER NOT NULL,
  `readings` INTEGER NOT NULL,
  PRIMARY KEY (`meter_id`, `bucket`, `reason`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `dirty` (
  `meter_id` INTEGER NOT NULL,
  `bucket` DATETIME(3) NOT NULL,
  PRIMARY KEY (`meter_id`, `bucket`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `calendar` (
  `day` VARCHAR(10) NOT NULL,
  `month` VARCHAR(7) NOT NULL,
  `starts` DATETIME(3) NOT NULL,
  `ends` DATETIME(3) NOT NULL,
  PRIMARY KEY (`day`),
  INDEX `calendar_starts_idx` (`starts`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `event` (
  `meter_id` INTEGER NOT NULL,
  `ts` DATETIME(3) NOT NULL,
  `what` VARCHAR(16) NOT NULL,
  `before` TEXT,
  `after` TEXT,
  PRIMARY KEY (`meter_id`, `ts`, `what`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `member` (
  `name` VARCHAR(255) NOT NULL,
  `meter` VARCHAR(255) NOT NULL,
  `sign` INTEGER NOT NULL,
  PRIMARY KEY (`name`, `meter`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `setting` (
  `name` VARCHAR(64) NOT NULL,
  `value` VARCHAR(255) NOT NULL,
  PRIMARY KEY (`name`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS `lease` (
  `name` VARCHAR(64) NOT NULL,
  `holder` VARCHAR(191) NOT NULL,
  `until` DATETIME(3) NOT NULL,
  PRIMARY KEY (`name`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A topic's polls are those of its meter; what a poll has at the topic's position is the reading.
CREATE OR REPLACE VIEW reading AS
SELECT t.id AS topic_id, p.slot AS ts, CAST(JSON_VALUE(p.readings, CONCAT('$[', t.position, ']')) AS DOUBLE) AS `value`
FROM topic t JOIN poll p ON p.meter_id = t.meter_id WHERE CAST(JSON_VALUE(p.readings, CONCAT('$[', t.position, ']')) AS DOUBLE) IS NOT NULL;

CREATE OR REPLACE VIEW measurement AS
SELECT p.slot AS `time`, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS `unit`, CAST(JSON_VALUE(p.readings, CONCAT('$[', t.position, ']')) AS DOUBLE) AS `value`, p.by_hand AS by_hand
FROM topic t JOIN meter m ON m.id = t.meter_id JOIN poll p ON p.meter_id = t.meter_id WHERE CAST(JSON_VALUE(p.readings, CONCAT('$[', t.position, ']')) AS DOUBLE) IS NOT NULL;

-- The newest value of each topic in use: from the newest poll of its meter, else from the rollups, which are at most minutes
-- behind. A search through older polls would read a silent meter's whole history: no range can follow an outer reference here.
CREATE OR REPLACE VIEW latest_measurement AS
SELECT CASE WHEN l.`value` IS NULL THEN r.last_ts ELSE l.slot END AS `time`, l.meter AS meter, l.metric AS metric, l.topic AS topic, l.`unit` AS `unit`,
  coalesce(l.`value`, r.`last`) AS `value`,
  TIMESTAMPDIFF(MICROSECOND, CASE WHEN l.`value` IS NULL THEN r.last_ts ELSE l.slot END, UTC_TIMESTAMP(3)) / 1e6 AS age_seconds
FROM (
  SELECT t.id, t.meter_id, m.name AS meter, t.metric, t.name AS topic, t.unit, p.slot, CAST(JSON_VALUE(p.readings, CONCAT('$[', t.position, ']')) AS DOUBLE) AS `value`,
    (SELECT r.bucket FROM rollup r WHERE r.meter_id = t.meter_id AND r.topic_id = t.id ORDER BY r.bucket DESC LIMIT 1) AS bucket
  FROM topic t JOIN meter m ON m.id = t.meter_id
  LEFT JOIN poll p ON p.meter_id = t.meter_id AND p.slot = (SELECT n.slot FROM poll n WHERE n.meter_id = t.meter_id ORDER BY n.slot DESC LIMIT 1)
  WHERE t.retired IS NULL AND m.retired IS NULL
) l
LEFT JOIN rollup r ON r.meter_id = l.meter_id AND r.topic_id = l.id AND r.bucket = l.bucket
WHERE l.`value` IS NOT NULL OR l.bucket IS NOT NULL;

-- Readings expected, stored and missing by hour, and a column for each reason. Brought up to date with the rollups.
CREATE OR REPLACE VIEW coverage AS
SELECT CAST(DATE_FORMAT(c.bucket, '%Y-%m-%d %H:00:00') AS DATETIME) AS `time`, m.name AS meter,
  sum(c.readings) AS expected, sum(CASE WHEN c.reason = '' THEN c.readings ELSE 0 END) AS stored,
  sum(CASE WHEN c.reason = '' THEN 0 ELSE c.readings END) AS missing,
  sum(CASE WHEN c.reason = 'timeout' THEN c.readings ELSE 0 END) AS timeout,
  sum(CASE WHEN c.reason = 'unreachable' THEN c.readings ELSE 0 END) AS unreachable,
  sum(CASE WHEN c.reason = 'disconnected' THEN c.readings ELSE 0 END) AS disconnected,
  sum(CASE WHEN c.reason = 'bad answer' THEN c.readings ELSE 0 END) AS bad_answer,
  sum(CASE WHEN c.reason LIKE 'exception%' THEN c.readings ELSE 0 END) AS exception,
  sum(CASE WHEN c.reason = 'not available' THEN c.readings ELSE 0 END) AS not_available,
  sum(CASE WHEN c.reason = 'invalid value' THEN c.readings ELSE 0 END) AS invalid_value,
  sum(CASE WHEN c.reason = 'offline' THEN c.readings ELSE 0 END) AS offline,
  sum(CASE WHEN c.reason = 'refused before' THEN c.readings ELSE 0 END) AS refused_before,
  sum(CASE WHEN c.reason = 'other meter' THEN c.readings ELSE 0 END) AS other_meter,
  sum(CASE WHEN c.reason = 'group' THEN c.readings ELSE 0 END) AS group_incomplete,
  sum(CASE WHEN c.reason = 'deadline' THEN c.readings ELSE 0 END) AS deadline,
  sum(CASE WHEN c.reason = 'shutdown' THEN c.readings ELSE 0 END) AS shutdown,
  sum(CASE WHEN c.reason = 'missed' THEN c.readings ELSE 0 END) AS missed,
  sum(CASE WHEN c.reason = 'down' THEN c.readings ELSE 0 END) AS down,
  sum(CASE WHEN c.reason = 'lost' THEN c.readings ELSE 0 END) AS lost,
  sum(CASE WHEN c.reason = 'rejected' THEN c.readings ELSE 0 END) AS rejected
FROM coverage_quarter c JOIN meter m ON m.id = c.meter_id
GROUP BY m.name, CAST(DATE_FORMAT(c.bucket, '%Y-%m-%d %H:00:00') AS DATETIME);

-- Which metric of which poll has no value, and why. Slots without a poll are in `gap`.
CREATE OR REPLACE VIEW missing AS
SELECT p.slot AS `time`, m.name AS meter, t.metric AS metric, r.reason AS reason
FROM poll p
JOIN JSON_TABLE(JSON_KEYS(p.missing), '$[*]' COLUMNS (reason VARCHAR(32) PATH '$')) r
JOIN JSON_TABLE(JSON_EXTRACT(p.missing, CONCAT('$."', r.reason, '"')), '$[*]' COLUMNS (position INT PATH '$')) i
JOIN topic t ON t.meter_id = p.meter_id AND t.position = i.position JOIN meter m ON m.id = p.meter_id;

-- Consumption per quarter and hour (UTC), day and month (local, by `calendar`), with the worst quality of its quarters:
-- good; gap (nothing was read for a while before it: what ran meanwhile is counted here); wrap, reset, exchanged (the
-- counter began anew); unchecked (a step that nothing says is possible); jump, suspect (steps that count nothing).
CREATE OR REPLACE VIEW energy AS
SELECT r.bucket AS `time`, 'quarter' AS period, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS `unit`,
  r.increase AS consumption, r.quality AS quality, CAST(NULL AS CHAR) AS `day`
FROM topic t JOIN meter m ON m.id = t.meter_id JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id
WHERE t.kind = 'counter'
UNION ALL
SELECT CAST(DATE_FORMAT(r.bucket, '%Y-%m-%d %H:00:00') AS DATETIME) AS `time`, 'hour' AS period, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS `unit`,
  sum(r.increase) AS consumption, CASE max(CASE r.quality WHEN 'good' THEN 0 WHEN 'gap' THEN 1 WHEN 'wrap' THEN 2 WHEN 'reset' THEN 3 WHEN 'exchanged' THEN 4 WHEN 'unchecked' THEN 5 WHEN 'jump' THEN 6 WHEN 'suspect' THEN 7 ELSE 7 END) WHEN 0 THEN 'good' WHEN 1 THEN 'gap' WHEN 2 THEN 'wrap' WHEN 3 THEN 'reset' WHEN 4 THEN 'exchanged' WHEN 5 THEN 'unchecked' WHEN 6 THEN 'jump' WHEN 7 THEN 'suspect' END AS quality, CAST(NULL AS CHAR) AS `day`
FROM topic t JOIN meter m ON m.id = t.meter_id JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id
WHERE t.kind = 'counter' GROUP BY t.id, m.name, t.metric, t.name, t.unit, CAST(DATE_FORMAT(r.bucket, '%Y-%m-%d %H:00:00') AS DATETIME)
UNION ALL
SELECT c.starts AS `time`, 'day' AS period, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS `unit`,
  sum(r.increase) AS consumption, CASE max(CASE r.quality WHEN 'good' THEN 0 WHEN 'gap' THEN 1 WHEN 'wrap' THEN 2 WHEN 'reset' THEN 3 WHEN 'exchanged' THEN 4 WHEN 'unchecked' THEN 5 WHEN 'jump' THEN 6 WHEN 'suspect' THEN 7 ELSE 7 END) WHEN 0 THEN 'good' WHEN 1 THEN 'gap' WHEN 2 THEN 'wrap' WHEN 3 THEN 'reset' WHEN 4 THEN 'exchanged' WHEN 5 THEN 'unchecked' WHEN 6 THEN 'jump' WHEN 7 THEN 'suspect' END AS quality, c.`day` AS `day`
FROM calendar c CROSS JOIN topic t JOIN meter m ON m.id = t.meter_id
JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id AND r.bucket >= c.starts AND r.bucket < c.ends
WHERE t.kind = 'counter'
GROUP BY c.`day`, c.starts, t.id, m.name, t.metric, t.name, t.unit
UNION ALL
SELECT (SELECT min(f.starts) FROM calendar f WHERE f.`month` = c.`month`) AS `time`, 'month' AS period, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS `unit`,
  sum(r.increase) AS consumption, CASE max(CASE r.quality WHEN 'good' THEN 0 WHEN 'gap' THEN 1 WHEN 'wrap' THEN 2 WHEN 'reset' THEN 3 WHEN 'exchanged' THEN 4 WHEN 'unchecked' THEN 5 WHEN 'jump' THEN 6 WHEN 'suspect' THEN 7 ELSE 7 END) WHEN 0 THEN 'good' WHEN 1 THEN 'gap' WHEN 2 THEN 'wrap' WHEN 3 THEN 'reset' WHEN 4 THEN 'exchanged' WHEN 5 THEN 'unchecked' WHEN 6 THEN 'jump' WHEN 7 THEN 'suspect' END AS quality, c.`month` AS `day`
FROM calendar c CROSS JOIN topic t JOIN meter m ON m.id = t.meter_id
JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id AND r.bucket >= c.starts AND r.bucket < c.ends
WHERE t.kind = 'counter'
GROUP BY c.`month`, t.id, m.name, t.metric, t.name, t.unit;

-- The quarter of each local month in which a counter ran fastest: its energy, the power that is, and which share of the
-- quarter's slots was read.
CREATE OR REPLACE VIEW peak AS
SELECT q.`month` AS `month`, q.meter AS meter, q.metric AS metric, q.topic AS topic, q.`unit` AS `unit`, q.`time` AS `time`, q.consumption AS consumption,
  q.consumption * 4 AS power, q.quality AS quality,
  q.read_slots * 1.0 / (SELECT sum(s.slots) FROM coverage_quarter s WHERE s.meter_id = q.meter_id AND s.bucket = q.`time` AND s.reason IN ('', 'down', 'missed', 'lost')) AS share
FROM (
  SELECT c.`month`, t.meter_id, m.name AS meter, t.metric, t.name AS topic, t.unit, r.bucket AS `time`, r.increase AS consumption, r.quality, r.`count` AS read_slots,
    row_number() OVER (PARTITION BY c.`month`, t.id ORDER BY r.increase DESC, r.bucket) AS place
  FROM calendar c CROSS JOIN topic t JOIN meter m ON m.id = t.meter_id
  JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id AND r.bucket >= c.starts AND r.bucket < c.ends
  WHERE t.kind = 'counter'
) q WHERE q.place = 1;

-- Sums of meters (`virtual:` in the configuration). A sum that lacks a member is none: `incomplete`, without a value.
CREATE OR REPLACE VIEW virtual_energy AS
SELECT e.`time` AS `time`, e.period AS period, v.name AS meter, e.metric AS metric, e.`unit` AS `unit`,
  CASE WHEN count(*) = (SELECT count(*) FROM member n WHERE n.name = v.name) THEN sum(v.sign * e.consumption) END AS consumption,
  CASE WHEN count(*) = (SELECT count(*) FROM member n WHERE n.name = v.name)
    THEN CASE max(CASE e.quality WHEN 'good' THEN 0 WHEN 'gap' THEN 1 WHEN 'wrap' THEN 2 WHEN 'reset' THEN 3 WHEN 'exchanged' THEN 4 WHEN 'unchecked' THEN 5 WHEN 'jump' THEN 6 WHEN 'suspect' THEN 7 ELSE 7 END) WHEN 0 THEN 'good' WHEN 1 THEN 'gap' WHEN 2 THEN 'wrap' WHEN 3 THEN 'reset' WHEN 4 THEN 'exchanged' WHEN 5 THEN 'unchecked' WHEN 6 THEN 'jump' WHEN 7 THEN 'suspect' END ELSE 'incomplete' END AS quality, e.`day` AS `day`
FROM member v JOIN energy e ON e.meter = v.meter
GROUP BY v.name, e.`time`, e.period, e.metric, e.`unit`, e.`day`;

-- VOLTTRON's schema, for what was built on it.
CREATE OR REPLACE VIEW topics AS SELECT id AS topic_id, name AS topic_name FROM topic;
CREATE OR REPLACE VIEW meta AS SELECT id AS topic_id, CAST(JSON_OBJECT('units', unit, 'type', 'float', 'tz', 'UTC') AS CHAR) AS metadata FROM topic;
CREATE OR REPLACE VIEW data AS SELECT ts, topic_id, CAST(value AS CHAR) AS value_string FROM reading;
