// The catalogue of error codes: what each means and, for HTTP problems, its status. The program, the documentation and the
// tests take them from here. A code in the source that is not here, or here and not in the source, fails a test.

/** Codes of errors in the log, of commands, and of modules; `EmdcError.code`. */
export const errorCodes = {
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
  'http-port-taken': 'Another program listens on `http.port`: stop it, or choose another port.',
  'http-not-opened': 'HTTP cannot listen on `http.host`.',
  'http-certificate': 'The TLS certificate or key cannot be read or do not belong together.',
  unexpected: 'Not foreseen: a fault of EMDC. Please report it with the output of `EMDC_TRACE=1`.',
  internal: 'A state that cannot be: a fault of EMDC.',
} as const satisfies Readonly<Record<string, string>>;

interface Problem {
  /** HTTP status, RFC 9110 §15 and RFC 6585. */
  readonly status: number;
  readonly meaning: string;
}

/** Codes of HTTP problem documents (RFC 9457), each with the one status it is sent with. */
export const httpProblems = {
  'bad-parameter': { status: 400, meaning: 'A parameter is unknown or has a bad value; all of them are listed.' },
  'ambiguous-name': { status: 400, meaning: 'Several meters have a metric of this name; the topics are listed.' },
  'bad-request': { status: 400, meaning: 'The request could not be understood.' },
  'no-host': { status: 400, meaning: 'The request has no Host header.' },
  'not-http': { status: 400, meaning: 'What came is not HTTP.' },
  'token-needed': { status: 401, meaning: '`http.token` is set and the request carries none.' },
  'wrong-token': { status: 401, meaning: 'The request carries another token than `http.token`.' },
  'cross-site': { status: 403, meaning: 'A page of another site tried to start a cycle through a browser.' },
  'no-such-endpoint': { status: 404, meaning: 'There are `/ping`, `/metric` and `/collect`.' },
  'unknown-metric': { status: 404, meaning: 'No topic and no metric has this name.' },
  'method-not-allowed': { status: 405, meaning: '`GET /ping`, `GET /metric`, `POST /collect`.' },
  'request-too-slow': { status: 408, meaning: 'The request did not arrive within 5 s.' },
  'body-refused': { status: 413, meaning: 'No endpoint takes a body: parameters go into the query.' },
  'host-not-allowed': {
    status: 421,
    meaning: 'The Host header is no address or name of this machine and not in `http.allowedHosts`.',
  },
  'too-many-requests': { status: 429, meaning: 'Over 1,200 requests a minute from one address.' },
  'too-many-collects': {
    status: 429,
    meaning: '16 calls of `POST /collect` are under way; `Retry-After` says when to try.',
  },
  'header-too-large': { status: 431, meaning: 'The header has over 16 KB.' },
  'internal-error': { status: 500, meaning: 'A fault of EMDC; the log says more.' },
  'metric-not-read': { status: 502, meaning: 'The meter answered, but this metric has no value now.' },
  'meter-not-read': { status: 502, meaning: 'The meter could not be read.' },
  'no-meter-read': { status: 502, meaning: 'A cycle by hand could read no meter.' },
  'nothing-read-yet': { status: 503, meaning: 'The metric exists, but nothing has been read since the start.' },
  'readings-lost': { status: 503, meaning: 'Meters were read, but neither database nor spool took the readings.' },
} as const satisfies Readonly<Record<string, Problem>>;

export type ProblemCode = keyof typeof httpProblems;
