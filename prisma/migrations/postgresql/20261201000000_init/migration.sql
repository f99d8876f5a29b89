CREATE TABLE "meter" (
  "id" SERIAL NOT NULL,
  "name" TEXT NOT NULL,
  "host" TEXT NOT NULL,
  "port" INTEGER NOT NULL,
  "unit_id" INTEGER NOT NULL,
  "map" TEXT NOT NULL,
  "map_hash" TEXT,
  "ct_ratio" DOUBLE PRECISION NOT NULL DEFAULT 1,
  "pt_ratio" DOUBLE PRECISION NOT NULL DEFAULT 1,
  "serial_number" TEXT,
  "max_power" DOUBLE PRECISION,
  "collector" TEXT NOT NULL DEFAULT '',
  "retired" TIMESTAMPTZ(3),
  CONSTRAINT "meter_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "meter_name_key" ON "meter"("name");

CREATE TABLE "topic" (
  "id" SERIAL NOT NULL,
  "meter_id" INTEGER NOT NULL,
  "position" INTEGER NOT NULL,
  "metric" TEXT NOT NULL,
  "version" INTEGER NOT NULL DEFAULT 0,
  "name" TEXT NOT NULL,
  "description" TEXT NOT NULL,
  "unit" TEXT NOT NULL,
  "data_type" TEXT NOT NULL,
  "kind" TEXT NOT NULL,
  "counter_range" DOUBLE PRECISION,
  "scaling" TEXT NOT NULL DEFAULT '',
  "maximum" DOUBLE PRECISION,
  "since" TIMESTAMPTZ(3) NOT NULL,
  "retired" TIMESTAMPTZ(3),
  CONSTRAINT "topic_pkey" PRIMARY KEY ("id")
);

CREATE UNIQUE INDEX "topic_meter_id_position_key" ON "topic"("meter_id", "position");

CREATE UNIQUE INDEX "topic_meter_id_metric_version_key" ON "topic"("meter_id", "metric", "version");

CREATE INDEX "topic_name_idx" ON "topic"("name");

CREATE TABLE "poll" (
  "meter_id" INTEGER NOT NULL,
  "slot" TIMESTAMPTZ(3) NOT NULL,
  "read_at" TIMESTAMPTZ(3) NOT NULL,
  "duration_ms" INTEGER NOT NULL,
  "requests" INTEGER NOT NULL,
  "expected" INTEGER NOT NULL,
  "stored" INTEGER NOT NULL,
  "by_hand" BOOLEAN NOT NULL,
  "readings" DOUBLE PRECISION[],
  "missing" JSONB,
  "error" TEXT,
  CONSTRAINT "poll_pkey" PRIMARY KEY ("meter_id", "slot")
);

CREATE TABLE "gap" (
  "meter_id" INTEGER NOT NULL,
  "ts" TIMESTAMPTZ(3) NOT NULL,
  "until" TIMESTAMPTZ(3) NOT NULL,
  "reason" TEXT NOT NULL,
  "slots" INTEGER NOT NULL,
  CONSTRAINT "gap_pkey" PRIMARY KEY ("meter_id", "ts", "reason")
);

CREATE TABLE "rollup" (
  "meter_id" INTEGER NOT NULL,
  "topic_id" INTEGER NOT NULL,
  "bucket" TIMESTAMPTZ(3) NOT NULL,
  "count" INTEGER NOT NULL,
  "min" DOUBLE PRECISION NOT NULL,
  "max" DOUBLE PRECISION NOT NULL,
  "mean" DOUBLE PRECISION NOT NULL,
  "first" DOUBLE PRECISION NOT NULL,
  "last" DOUBLE PRECISION NOT NULL,
  "first_ts" TIMESTAMPTZ(3) NOT NULL,
  "last_ts" TIMESTAMPTZ(3) NOT NULL,
  "increase" DOUBLE PRECISION,
  "quality" TEXT,
  "accepted" DOUBLE PRECISION,
  "accepted_ts" TIMESTAMPTZ(3),
  CONSTRAINT "rollup_pkey" PRIMARY KEY ("meter_id", "topic_id", "bucket")
);

CREATE TABLE "coverage_quarter" (
  "meter_id" INTEGER NOT NULL,
  "bucket" TIMESTAMPTZ(3) NOT NULL,
  "reason" TEXT NOT NULL,
  "slots" INTEGER NOT NULL,
  "readings" INTEGER NOT NULL,
  CONSTRAINT "coverage_quarter_pkey" PRIMARY KEY ("meter_id", "bucket", "reason")
);

CREATE TABLE "dirty" (
  "meter_id" INTEGER NOT NULL,
  "bucket" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "dirty_pkey" PRIMARY KEY ("meter_id", "bucket")
);

CREATE TABLE "calendar" (
  "day" TEXT NOT NULL,
  "month" TEXT NOT NULL,
  "starts" TIMESTAMPTZ(3) NOT NULL,
  "ends" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "calendar_pkey" PRIMARY KEY ("day")
);

CREATE INDEX "calendar_starts_idx" ON "calendar"("starts");

CREATE TABLE "event" (
  "meter_id" INTEGER NOT NULL,
  "ts" TIMESTAMPTZ(3) NOT NULL,
  "what" TEXT NOT NULL,
  "before" TEXT,
  "after" TEXT,
  CONSTRAINT "event_pkey" PRIMARY KEY ("meter_id", "ts", "what")
);

CREATE TABLE "member" (
  "name" TEXT NOT NULL,
  "meter" TEXT NOT NULL,
  "sign" INTEGER NOT NULL,
  CONSTRAINT "member_pkey" PRIMARY KEY ("name", "meter")
);

CREATE TABLE "setting" (
  "name" TEXT NOT NULL,
  "value" TEXT NOT NULL,
  CONSTRAINT "setting_pkey" PRIMARY KEY ("name")
);

CREATE TABLE "lease" (
  "name" TEXT NOT NULL,
  "holder" TEXT NOT NULL,
  "until" TIMESTAMPTZ(3) NOT NULL,
  CONSTRAINT "lease_pkey" PRIMARY KEY ("name")
);

-- A topic's polls are those of its meter; what a poll has at the topic's position is the reading.
CREATE VIEW reading AS
SELECT t.id AS topic_id, p.slot AS ts, p.readings[t.position + 1] AS value
FROM topic t JOIN poll p ON p.meter_id = t.meter_id WHERE p.readings[t.position + 1] IS NOT NULL;

CREATE VIEW measurement AS
SELECT p.slot AS time, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS unit, p.readings[t.position + 1] AS value, p.by_hand AS by_hand
FROM topic t JOIN meter m ON m.id = t.meter_id JOIN poll p ON p.meter_id = t.meter_id WHERE p.readings[t.position + 1] IS NOT NULL;

-- The newest value of each topic in use: looked for in the last hour of its meter's polls, then in the rollups.
CREATE VIEW latest_measurement AS
SELECT l.time AS time, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS unit, l.value AS value, round(extract(epoch FROM now() - l.time), 3)::float8 AS age_seconds
FROM topic t JOIN meter m ON m.id = t.meter_id
CROSS JOIN LATERAL (
  SELECT p.slot AS time, p.readings[t.position + 1] AS value FROM poll p
  WHERE p.meter_id = t.meter_id AND p.readings[t.position + 1] IS NOT NULL
    AND p.slot > (SELECT max(n.slot) FROM poll n WHERE n.meter_id = t.meter_id) - INTERVAL '1 hour'
  UNION ALL
  (SELECT r.last_ts, r.last FROM rollup r WHERE r.meter_id = t.meter_id AND r.topic_id = t.id ORDER BY r.bucket DESC LIMIT 1)
  ORDER BY time DESC LIMIT 1
) l
WHERE t.retired IS NULL AND m.retired IS NULL;

-- Readings expected, stored and missing by hour, and a column for each reason. Brought up to date with the rollups.
CREATE VIEW coverage AS
SELECT date_trunc('hour', c.bucket, 'UTC') AS time, m.name AS meter,
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
GROUP BY m.name, date_trunc('hour', c.bucket, 'UTC');

-- Which metric of which poll has no value, and why. Slots without a poll are in `gap`.
CREATE VIEW missing AS
SELECT p.slot AS time, m.name AS meter, t.metric AS metric, r.key AS reason
FROM poll p CROSS JOIN LATERAL jsonb_each(p.missing) r CROSS JOIN LATERAL jsonb_array_elements_text(r.value) i
JOIN topic t ON t.meter_id = p.meter_id AND t.position = i.value::int JOIN meter m ON m.id = p.meter_id;

-- Consumption per quarter and hour (UTC), day and month (local, by `calendar`), with the worst quality of its quarters:
-- good; gap (nothing was read for a while before it: what ran meanwhile is counted here); wrap, reset, exchanged (the
-- counter began anew); unchecked (a step that nothing says is possible); jump, suspect (steps that count nothing).
CREATE VIEW energy AS
SELECT r.bucket AS time, 'quarter' AS period, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS unit,
  r.increase AS consumption, r.quality AS quality, NULL::text AS day
FROM topic t JOIN meter m ON m.id = t.meter_id JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id
WHERE t.kind = 'counter'
UNION ALL
SELECT date_trunc('hour', r.bucket, 'UTC') AS time, 'hour' AS period, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS unit,
  sum(r.increase) AS consumption, CASE max(CASE r.quality WHEN 'good' THEN 0 WHEN 'gap' THEN 1 WHEN 'wrap' THEN 2 WHEN 'reset' THEN 3 WHEN 'exchanged' THEN 4 WHEN 'unchecked' THEN 5 WHEN 'jump' THEN 6 WHEN 'suspect' THEN 7 ELSE 7 END) WHEN 0 THEN 'good' WHEN 1 THEN 'gap' WHEN 2 THEN 'wrap' WHEN 3 THEN 'reset' WHEN 4 THEN 'exchanged' WHEN 5 THEN 'unchecked' WHEN 6 THEN 'jump' WHEN 7 THEN 'suspect' END AS quality, NULL::text AS day
FROM topic t JOIN meter m ON m.id = t.meter_id JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id
WHERE t.kind = 'counter' GROUP BY t.id, m.name, t.metric, t.name, t.unit, date_trunc('hour', r.bucket, 'UTC')
UNION ALL
SELECT c.starts AS time, 'day' AS period, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS unit,
  sum(r.increase) AS consumption, CASE max(CASE r.quality WHEN 'good' THEN 0 WHEN 'gap' THEN 1 WHEN 'wrap' THEN 2 WHEN 'reset' THEN 3 WHEN 'exchanged' THEN 4 WHEN 'unchecked' THEN 5 WHEN 'jump' THEN 6 WHEN 'suspect' THEN 7 ELSE 7 END) WHEN 0 THEN 'good' WHEN 1 THEN 'gap' WHEN 2 THEN 'wrap' WHEN 3 THEN 'reset' WHEN 4 THEN 'exchanged' WHEN 5 THEN 'unchecked' WHEN 6 THEN 'jump' WHEN 7 THEN 'suspect' END AS quality, c.day AS day
FROM calendar c CROSS JOIN topic t JOIN meter m ON m.id = t.meter_id
JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id AND r.bucket >= c.starts AND r.bucket < c.ends
WHERE t.kind = 'counter'
GROUP BY c.day, c.starts, t.id, m.name, t.metric, t.name, t.unit
UNION ALL
SELECT (SELECT min(f.starts) FROM calendar f WHERE f.month = c.month) AS time, 'month' AS period, m.name AS meter, t.metric AS metric, t.name AS topic, t.unit AS unit,
  sum(r.increase) AS consumption, CASE max(CASE r.quality WHEN 'good' THEN 0 WHEN 'gap' THEN 1 WHEN 'wrap' THEN 2 WHEN 'reset' THEN 3 WHEN 'exchanged' THEN 4 WHEN 'unchecked' THEN 5 WHEN 'jump' THEN 6 WHEN 'suspect' THEN 7 ELSE 7 END) WHEN 0 THEN 'good' WHEN 1 THEN 'gap' WHEN 2 THEN 'wrap' WHEN 3 THEN 'reset' WHEN 4 THEN 'exchanged' WHEN 5 THEN 'unchecked' WHEN 6 THEN 'jump' WHEN 7 THEN 'suspect' END AS quality, c.month AS day
FROM calendar c CROSS JOIN topic t JOIN meter m ON m.id = t.meter_id
JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id AND r.bucket >= c.starts AND r.bucket < c.ends
WHERE t.kind = 'counter'
GROUP BY c.month, t.id, m.name, t.metric, t.name, t.unit;

-- The quarter of each local month in which a counter ran fastest: its energy, the power that is, and which share of the
-- quarter's slots was read.
CREATE VIEW peak AS
SELECT q.month AS month, q.meter AS meter, q.metric AS metric, q.topic AS topic, q.unit AS unit, q.time AS time, q.consumption AS consumption,
  q.consumption * 4 AS power, q.quality AS quality,
  q.read_slots * 1.0 / (SELECT sum(s.slots) FROM coverage_quarter s WHERE s.meter_id = q.meter_id AND s.bucket = q.time AND s.reason IN ('', 'down', 'missed', 'lost')) AS share
FROM (
  SELECT c.month, t.meter_id, m.name AS meter, t.metric, t.name AS topic, t.unit, r.bucket AS time, r.increase AS consumption, r.quality, r.count AS read_slots,
    row_number() OVER (PARTITION BY c.month, t.id ORDER BY r.increase DESC, r.bucket) AS place
  FROM calendar c CROSS JOIN topic t JOIN meter m ON m.id = t.meter_id
  JOIN rollup r ON r.meter_id = t.meter_id AND r.topic_id = t.id AND r.bucket >= c.starts AND r.bucket < c.ends
  WHERE t.kind = 'counter'
) q WHERE q.place = 1;

-- Sums of meters (`virtual:` in the configuration). A sum that lacks a member is none: `incomplete`, without a value.
CREATE VIEW virtual_energy AS
SELECT e.time AS time, e.period AS period, v.name AS meter, e.metric AS metric, e.unit AS unit,
  CASE WHEN count(*) = (SELECT count(*) FROM member n WHERE n.name = v.name) THEN sum(v.sign * e.consumption) END AS consumption,
  CASE WHEN count(*) = (SELECT count(*) FROM member n WHERE n.name = v.name)
    THEN CASE max(CASE e.quality WHEN 'good' THEN 0 WHEN 'gap' THEN 1 WHEN 'wrap' THEN 2 WHEN 'reset' THEN 3 WHEN 'exchanged' THEN 4 WHEN 'unchecked' THEN 5 WHEN 'jump' THEN 6 WHEN 'suspect' THEN 7 ELSE 7 END) WHEN 0 THEN 'good' WHEN 1 THEN 'gap' WHEN 2 THEN 'wrap' WHEN 3 THEN 'reset' WHEN 4 THEN 'exchanged' WHEN 5 THEN 'unchecked' WHEN 6 THEN 'jump' WHEN 7 THEN 'suspect' END ELSE 'incomplete' END AS quality, e.day AS day
FROM member v JOIN energy e ON e.meter = v.meter
GROUP BY v.name, e.time, e.period, e.metric, e.unit, e.day;

-- VOLTTRON's schema, for what was built on it.
CREATE VIEW topics AS SELECT id AS topic_id, name AS topic_name FROM topic;
CREATE VIEW meta AS SELECT id AS topic_id, json_build_object('units', unit, 'type', 'float', 'tz', 'UTC')::text AS metadata FROM topic;
CREATE VIEW data AS SELECT ts, topic_id, value::text AS value_string FROM reading;
