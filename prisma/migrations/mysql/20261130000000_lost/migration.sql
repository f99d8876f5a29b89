-- What was read, and could be kept nowhere until the database took it, has a column, too.
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
  sum(CASE WHEN c.`reason` = 'rejected' THEN c.`readings` ELSE 0 END) AS `rejected`,
  sum(CASE WHEN c.`reason` = 'lost' THEN c.`readings` ELSE 0 END) AS `lost`
FROM `coverage_quarter` c JOIN `meter` m ON m.`id` = c.`meter_id`
GROUP BY m.`name`, c.`hour`;
