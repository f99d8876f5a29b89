// What every error code and every log message means, for the README. A test compares these tables with the source: a code or
// a message that is new, or gone, fails it.

/** Codes of errors that a person or a program gets to see: commands, log, HTTP (`code` of the problem document). */
export const errorCodes: Readonly<Record<string, string>> = {
  'node-too-old': 'This Node.js is older than EMDC can run with.',
  'invalid-input': 'A configuration or register map has problems; each is listed with its place. Nothing was started.',
  'unreadable-file': 'A register map or data file cannot be read: missing, no rights, or no spreadsheet.',
  'unwritable-file': 'A file that a command was to write cannot be written.',
  'no-such-worksheet': 'The workbook has no sheet of that name.',
  'no-such-cell': 'A correction names a cell that the workbook does not have.',
  'uncorrectable-workbook':
    'The workbook is built in a way that corrections cannot be written into; correct it by hand.',
  'metric-layout': 'A metric cannot be decoded: its size does not fit its data type.',
  'which-meter': 'The configuration has several meters, or none of the given name: choose one by `--meter`.',
  'unknown-meter': 'No meter of the configuration has this name.',
  'simulator-not-opened': 'The TCP port or serial port of `emdc simulate` cannot be opened.',
  'unknown-fault': '`emdc simulate` knows no fault of this name; `emdc simulate --help` lists them.',
  'modbus-timeout': 'The meter did not answer in time.',
  'modbus-unreachable':
    'No TCP connection to the meter: wrong address, port closed, network down, or all its connections taken.',
  'modbus-disconnected': 'The connection broke while an answer was awaited.',
  'modbus-bad-answer':
    'An answer came that is not the answer: foreign, malformed or of the wrong length. The connection was dropped.',
  'modbus-exception': 'The meter, or the gateway before it (10, 11), refused with a Modbus exception.',
  'modbus-aborted': 'The read was given up, because time was over or the collector was stopping.',
  'modbus-bad-request': 'A request that Modbus does not allow was not sent.',
  'database-url': '`database.url` names no database that EMDC knows.',
  'no-such-file': 'A file that a command was to read is not there; the message says where it was looked for.',
  'serialport-missing': 'The optional package `serialport` could not be loaded; the message says how to install it.',
  'database-older':
    'The database was made by EMDC 0.1, whose tables are others: `emdc import --from` it into a new one.',
  'no-database': 'There is no database of that name to import from.',
  'import-source': '`emdc import --from` names a database that is neither of EMDC nor of VOLTTRON.',
  'export-source': '`database.url` names no database of this EMDC to export from.',
  'export-format': 'This format can only be written to a file.',
  'too-many-rows': 'A sheet of a workbook holds 1,048,576 rows: export CSV or Parquet, or less at a time.',
  'csv-columns': 'The CSV file lacks a column; `--map-columns` says which of its columns is which.',
  'database-newer': 'The database was migrated by a newer EMDC: upgrade this one, or restore a backup.',
  'database-away': 'The database does not answer; readings go to the spool.',
  'migration-edited':
    'A migration that the database has run differs from the one in this program: one of the two was changed by hand.',
  'migration-failed': 'A migration failed; the database is as it was before it, or says how to mend it.',
  'store-retry': 'A statement lost a race (deadlock, lock) and is tried again.',
  'store-spool': 'The database is away, full or not writable; readings stay in the spool until it is mended.',
  'store-stop': 'The database will never take this very data; it goes to the dead-letter file.',
  'store-closed': 'The database was asked for after it had been closed.',
  'store-ended': "The database's thread ended unexpectedly; it is started again.",
  'topic-refused': 'The database does not take the name of a meter or metric; its readings go to the dead-letter file.',
  'spool-in-use': 'Another collector uses this spool directory: give each its own.',
  'spool-unusable': 'The spool directory cannot be made or written.',
  'http-port-taken': 'Somebody else listens on `http.port`: stop it, or choose another port.',
  'http-not-opened': 'HTTP cannot listen on `http.host`.',
  'http-certificate': 'The TLS certificate or key cannot be read or do not belong together.',
  unexpected: 'Not foreseen: a fault of EMDC. Please report it with the output of `EMDC_TRACE=1`.',
  internal: 'A state that cannot be: a fault of EMDC.',
  'bad-parameter': 'HTTP 400: a parameter is unknown or has a bad value; all of them are listed.',
  'ambiguous-name': 'HTTP 400: several meters have a metric of this name; the topics are listed.',
  'bad-request': 'HTTP 4xx: the request could not be understood.',
  'body-refused': 'HTTP 413, 415: no endpoint takes a body like this.',
  'no-host': 'HTTP 400: the request has no usable Host header.',
  'not-http': 'HTTP 400: what came is not HTTP.',
  'header-too-large': 'HTTP 431: header over 16 KB.',
  'request-too-slow': 'HTTP 408: the request did not arrive in time.',
  'cross-site': "HTTP 403: a page of another site tried to start a cycle through somebody's browser.",
  'token-needed': 'HTTP 401: `http.token` is set and the request carries none.',
  'wrong-token': 'HTTP 401: the request carries another token than `http.token`.',
  'no-such-endpoint': 'HTTP 404: there are `/ping`, `/metric` and `/collect`.',
  'unknown-metric': 'HTTP 404: no topic and no metric has this name.',
  'method-not-allowed': 'HTTP 405: `GET /ping`, `GET /metric`, `POST /collect`.',
  'too-many-requests': 'HTTP 429: over 1,200 requests a minute from one address.',
  'too-many-collects': 'HTTP 429: 16 calls of `POST /collect` are under way.',
  'metric-not-read': 'HTTP 502: the meter answered, but this metric has no value now.',
  'meter-not-read': 'HTTP 502: the meter could not be read.',
  'no-meter-read': 'HTTP 502: a cycle by hand could read no meter.',
  'nothing-read-yet': 'HTTP 503: the metric exists, but nothing has been read since the start.',
  'readings-lost': 'HTTP 503: meters were read, but neither database nor spool took the readings.',
  'internal-error': 'HTTP 500: a fault of EMDC; the log says more.',
};

/** Messages of level info, warn and error, as they begin. */
export const logMessages: Readonly<Record<string, string>> = {
  'EMDC starts': 'With its version, and how many meters the configuration has.',
  'EMDC stops': 'The cycle in progress ends and is made durable, then everything closes, within 10 s.',
  'EMDC has stopped': 'In order: nothing was left undone.',
  'stopping on …': 'Which signal asked for it.',
  'the collector cannot start: …': 'With code and hint. Exit code 1; systemd tries again.',
  'configuration: …': 'A warning about the configuration or a register map, with its place.',
  'the configuration was not taken over, the collector goes on with the old one: …':
    'SIGHUP found problems, listed; nothing changed.',
  'configuration taken over': 'SIGHUP: what changed is listed before it. Meters that did not change miss no slot.',
  'these settings need a restart': 'Of what SIGHUP found changed, these count from the next start on.',
  'systemd could not be told': 'That the collector is ready, or alive: the hint says what to install or to change.',
  'no cycle ends any more: the watchdog is left to act': 'systemd will restart the collector.',
  'unexpected: …':
    'A fault of EMDC. It ends and is started again; nothing that was said to be stored is lost. Please report it.',
  'closing went wrong': 'While stopping; the other parts are closed all the same.',
  'HTTP is open': 'At this address.',
  'HTTPS certificate taken over': 'SIGHUP: new connections get it.',
  'HTTPS certificate was not taken over, the old one stays in use':
    'SIGHUP: and why. Mend the files and send it again.',
  'anyone who reaches this address can start cycles: no http.token is set': 'Set `http.token`, or listen on 127.0.0.1.',
  'a request failed unexpectedly': 'A fault of EMDC, in one HTTP request. Collection goes on.',
  'meter online': 'It answered for the first time since the start.',
  'meter offline': 'It stopped answering, and why. It is probed at growing intervals; said once.',
  'meter online again': 'It answers again, and how long it did not.',
  'reading a meter broke down': 'A fault of EMDC while reading this meter; the others go on.',
  'learned what the meter refuses':
    'These registers, or requests of this size, are not asked for again for a while; the rest is read in smaller requests.',
  'the meter takes what it refused before': 'Tried again after a while, and it worked.',
  'what meters refuse has to be learned anew': 'The file in which it is kept could not be read.',
  'what meters refuse cannot be kept': 'The file cannot be written; after a restart it is learned anew.',
  'slots were missed': 'The collector was too busy or suspended at these times: nobody read, and the gap is on record.',
  'slots passed while the collector was down': 'Between the last stop and this start: the gap is on record.',
  'the clock stepped, or the machine slept':
    'The schedule goes on by the new time; slots are neither doubled nor made up.',
  'database connected': 'For the first time since the start.',
  'database is away': 'And why. Readings go to the spool; said once.',
  'database is back': 'How long it was away, and how many readings wait in the spool.',
  'migrating the database': 'Tables are brought up to date, under a lock.',
  'the database is up to date': 'The end of `emdc migrate`.',
  'closing the database failed': 'While stopping; SQLite repairs itself at the next start.',
  'database upkeep fails, tried again later': 'Rollups, coverage or pruning; recording goes on.',
  'database refuses readings': 'This very data, e.g. a name that is too long: it is kept in the dead-letter file.',
  'database refuses the meters of the configuration':
    'A name is too long, or taken for another one; the hint says what to do.',
  'database comes and goes: further changes are not logged for ten minutes':
    'It was away and back six times in ten minutes.',
  'changes of the database that were not logged': 'How often it was away and back meanwhile.',
  'dead-letter file cannot be written: refused readings are lost': 'Make room or give rights on the spool directory.',
  'spool holds readings of an earlier run': 'They are written to the database now.',
  'spool replayed': 'All polls that waited are in the database.',
  'spool cannot be written': 'While the database is away too, readings are lost: make room or give rights.',
  'spool can be written again': 'After the above.',
  'spool drops its oldest readings':
    'It has reached `spool.maxBytes` or `spool.maxAge`. How many: `GET /ping`; their slots go on record as `lost`.',
  'spool directory cannot be locked: make sure that no other collector uses it': 'The file system has no locks.',
  'what the spool dropped cannot be noted on disk':
    'Make room, or mend the disk: until then the gaps `lost` are kept in memory only.',
  'spool segment cannot be read: moved aside': 'The disk does not give it back. Its file is kept for people.',
  'spool segment cannot be deleted': 'Its readings are in the database; writing them twice does no harm.',
  'spool segment ends in an unfinished write, left out':
    'A power cut or kill in the middle of a write: that cycle was never said to be stored.',
  'spool segment has damaged lines: set aside':
    'The disk gave back other bytes than were written; the other lines are replayed.',
  'closing the recorder takes too long: left as it is': 'A disk or database hangs; what was acknowledged is durable.',
  'a slot could not be run': 'A fault of EMDC; the schedule goes on.',
  'the lease could not be renewed: another collector may lead, so this one stands by':
    'With `highAvailability`: the database cannot be reached for longer than the lease.',
  'database stores less than comes in: readings go through the spool':
    'They waited longer than a write may take, and are written as the database gets to it. Said once until the spool has been empty again. Give the database more memory or faster disks, or read less often.',
  'readings are being lost: neither database nor spool takes them': 'Act now: `GET /ping` says 503 and why.',
  'readings are kept again': 'How many were lost meanwhile.',
};

const row = ([name, meaning]: readonly [string, string]): string => `| \`${name}\` | ${meaning} |`;

export const errorTable = (): string =>
  ['| code | meaning |', '|---|---|', ...Object.entries(errorCodes).map(row)].join('\n');

export const logTable = (): string =>
  ['| message | meaning |', '|---|---|', ...Object.entries(logMessages).map(row)].join('\n');
