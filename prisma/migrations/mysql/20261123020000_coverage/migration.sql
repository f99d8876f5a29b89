-- Polls and gaps, counted by quarter of an hour: what was to be read and what was (reason ''), and what is missing, by
-- reason. Whoever writes a poll or a gap marks its quarter in `stale`; upkeep counts the quarter and takes the mark away,
-- in one transaction. A quarter that is marked is read from poll and gap instead, unless it is so old (`pruned_until`, ms)
-- that some of its polls may have gone: what is counted of it never becomes less. Every statement may be run again.
CREATE TABLE IF NOT EXISTS `tally` (
  `hour` DATETIME(3) NOT NULL,
  `meter_id` INTEGER NOT NULL,
  `bucket` DATETIME(3) NOT NULL,
  `reason` VARCHAR(32) NOT NULL,
  `expected` INTEGER NOT NULL,
  `stored` INTEGER NOT NULL,
  `readings` INTEGER NOT NULL,
  `slots` INTEGER NOT NULL,
  PRIMARY KEY (`hour`, `meter_id`, `bucket`, `reason`)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO `upkeep` (`name`, `value`) VALUES ('pruned_until', 0) ON DUPLICATE KEY UPDATE `value` = `upkeep`.`value`;

-- 0: no readings came, its rollups stay as they are. MySQL cannot be asked to add a column only where there is none.
SET @statement = IF(
  EXISTS (SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'stale' AND column_name = 'readings'),
  'DO 0', 'ALTER TABLE `stale` ADD COLUMN `readings` INTEGER NOT NULL DEFAULT 1, ADD INDEX `stale_bucket_idx`(`bucket`)');
PREPARE add_column FROM @statement;
EXECUTE add_column;
DEALLOCATE PREPARE add_column;

-- What is there already is counted by upkeep, little by little.
INSERT INTO `stale` (`meter_id`, `bucket`, `readings`)
SELECT q.`meter_id`, q.`bucket`, 0 FROM (
  SELECT `meter_id`, CAST('1970-01-01' AS DATETIME(3)) + INTERVAL TIMESTAMPDIFF(SECOND, '1970-01-01', `slot`) DIV 900 * 15 MINUTE AS `bucket` FROM `poll`
  UNION
  SELECT `meter_id`, CAST('1970-01-01' AS DATETIME(3)) + INTERVAL TIMESTAMPDIFF(SECOND, '1970-01-01', `ts`) DIV 900 * 15 MINUTE FROM `gap`
) q ON DUPLICATE KEY UPDATE `readings` = `stale`.`readings`;

-- From the oldest marked quarter on, by primary key: joined with the marks first, MySQL would read all polls of a meter, or
-- all. That the oldest can be told from an index makes it a constant.
CREATE OR REPLACE VIEW `coverage_quarter` AS
SELECT t.`meter_id` AS `meter_id`, t.`hour` AS `hour`, t.`bucket` AS `bucket`, t.`reason` AS `reason`,
  t.`expected` AS `expected`, t.`stored` AS `stored`, t.`readings` AS `readings`, t.`slots` AS `slots` FROM `tally` t
WHERE NOT EXISTS (SELECT 1 FROM `stale` s WHERE s.`meter_id` = t.`meter_id` AND s.`bucket` = t.`bucket`
  AND s.`bucket` >= (SELECT TIMESTAMPADD(MICROSECOND, `value` * 1000, '1970-01-01') FROM `upkeep` WHERE `name` = 'pruned_until'))
UNION ALL
SELECT p.`meter_id`, s.`bucket` - INTERVAL MINUTE(s.`bucket`) MINUTE, s.`bucket`, '', p.`expected`, p.`stored`, 0, 0
FROM `poll` p FORCE INDEX (PRIMARY) STRAIGHT_JOIN `stale` s ON s.`meter_id` = p.`meter_id`
  AND s.`bucket` = CAST('1970-01-01' AS DATETIME(3)) + INTERVAL TIMESTAMPDIFF(SECOND, '1970-01-01', p.`slot`) DIV 900 * 15 MINUTE
WHERE p.`slot` >= (SELECT min(`bucket`) FROM `stale`) AND s.`bucket` >= (SELECT TIMESTAMPADD(MICROSECOND, `value` * 1000, '1970-01-01') FROM `upkeep` WHERE `name` = 'pruned_until')
UNION ALL
SELECT g.`meter_id`, s.`bucket` - INTERVAL MINUTE(s.`bucket`) MINUTE, s.`bucket`, g.`reason`,
  CASE WHEN g.`until` > g.`ts` THEN g.`readings` ELSE 0 END, 0, g.`readings`, g.`slots`
FROM `gap` g FORCE INDEX (PRIMARY) STRAIGHT_JOIN `stale` s ON s.`meter_id` = g.`meter_id`
  AND s.`bucket` = CAST('1970-01-01' AS DATETIME(3)) + INTERVAL TIMESTAMPDIFF(SECOND, '1970-01-01', g.`ts`) DIV 900 * 15 MINUTE
WHERE g.`ts` >= (SELECT min(`bucket`) FROM `stale`) AND s.`bucket` >= (SELECT TIMESTAMPADD(MICROSECOND, `value` * 1000, '1970-01-01') FROM `upkeep` WHERE `name` = 'pruned_until');

CREATE OR REPLACE VIEW `coverage` AS
SELECT c.`hour` AS `time`, m.`name` AS `meter`,
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
  sum(CASE WHEN c.`reason` = 'down' THEN c.`readings` ELSE 0 END) AS `down`,
  sum(CASE WHEN c.`reason` = 'rejected' THEN c.`readings` ELSE 0 END) AS `rejected`
FROM `coverage_quarter` c JOIN `meter` m ON m.`id` = c.`meter_id`
GROUP BY m.`name`, c.`hour`;
