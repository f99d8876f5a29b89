// The catalogue of log messages of level info, warn and error: text, level, meaning. `Log` takes no other, so the compiler
// holds that every message is here; a test holds that every one here is in the source. The documentation prints the table.
// `…` stands for whatever the message says at that place.

type Level = 'error' | 'warn' | 'info';

interface Message {
  /** Several: by how grave the cause is. */
  readonly level: Level | readonly Level[];
  /** For the documentation. */
  readonly meaning: string;
}

export const messages = {
  'EMDC starts': { level: 'info', meaning: 'With its version, and how many meters the configuration has.' },
  'EMDC stops': {
    level: 'info',
    meaning: 'The cycle in progress ends and is made durable, then everything closes, within 10 s.',
  },
  'EMDC has stopped': { level: 'info', meaning: 'Everything was closed in order.' },
  'stopping on …': { level: 'info', meaning: 'Which signal asked for it.' },
  'the collector cannot start: …': { level: 'error', meaning: 'With code and hint. Exit code 1; systemd tries again.' },
  'configuration: …': {
    level: ['warn', 'info'],
    meaning: 'A warning about the configuration or a register map, with its place.',
  },
  'the configuration was not taken over, the collector goes on with the old one: …': {
    level: 'error',
    meaning: 'SIGHUP found problems, listed; nothing changed.',
  },
  'configuration taken over': {
    level: 'info',
    meaning: 'SIGHUP: what changed is listed before it. Meters that did not change miss no slot.',
  },
  'these settings need a restart': {
    level: 'warn',
    meaning: 'Of what SIGHUP found changed, these count from the next start on.',
  },
  'systemd could not be told': {
    level: 'error',
    meaning: 'That the collector is ready, or alive: the hint says what to install or to change.',
  },
  'no cycle ends any more: the watchdog is left to act': {
    level: 'error',
    meaning: 'systemd will restart the collector.',
  },
  'unexpected: …': {
    level: 'error',
    meaning:
      'A fault of EMDC. It ends and is started again; nothing that was said to be stored is lost. Please report it.',
  },
  'closing went wrong': { level: 'error', meaning: 'While stopping; the other parts are closed all the same.' },
  'HTTP is open': { level: 'info', meaning: 'The address to ask.' },
  'HTTPS certificate taken over': { level: 'info', meaning: 'SIGHUP: new connections get it.' },
  'HTTPS certificate was not taken over, the old one stays in use': {
    level: 'error',
    meaning: 'SIGHUP: and why. Mend the files and send it again.',
  },
  'anyone who reaches this address can start cycles: no http.token is set': {
    level: 'warn',
    meaning: 'Set `http.token`, or listen on 127.0.0.1.',
  },
  'a request failed unexpectedly': {
    level: 'error',
    meaning: 'A fault of EMDC, in one HTTP request. Collection goes on.',
  },
  'meter online': {
    level: 'info',
    meaning: 'The meter answered for the first time since the start; several within a second are one line.',
  },
  'meter offline': {
    level: 'warn',
    meaning:
      'The meter stopped answering, and why. It is probed at growing intervals; logged once, and once for meters of one gateway that go away within a second.',
  },
  'meter online again': { level: 'info', meaning: 'The meter answers again, and for how long it did not.' },
  'reading a meter broke down': {
    level: 'error',
    meaning: 'A fault of EMDC while reading this meter; the others go on.',
  },
  'learned what the meter refuses': {
    level: 'info',
    meaning:
      'These registers, or requests of this size, are not asked for again for a while; the rest is read in smaller requests.',
  },
  'the meter takes what it refused before': {
    level: 'info',
    meaning: 'The collector tried again after a while, and the meter answered.',
  },
  'what meters refuse has to be learned anew': {
    level: 'warn',
    meaning: 'The file in which it is kept could not be read.',
  },
  'what meters refuse cannot be kept': {
    level: 'warn',
    meaning: 'The file cannot be written; after a restart it is learned anew.',
  },
  'slots were missed': {
    level: 'warn',
    meaning: 'The collector was too busy or suspended at these times; a gap is recorded.',
  },
  'slots passed while the collector was down': {
    level: 'info',
    meaning: 'Between the last stop and this start; a gap is recorded.',
  },
  'the clock stepped, or the machine slept': {
    level: 'warn',
    meaning: 'The schedule goes on by the new time; slots are neither doubled nor made up.',
  },
  'database connected': { level: 'info', meaning: 'For the first time since the start.' },
  'database is away': {
    level: ['error', 'warn'],
    meaning: 'Why, and what to do. Readings go to the spool; logged once.',
  },
  'database is back': { level: 'info', meaning: 'How long it was away, and how many readings wait in the spool.' },
  'migrating the database': { level: 'info', meaning: 'Tables are brought up to date, under a lock.' },
  'the database is up to date': { level: 'info', meaning: 'The end of `emdc migrate`.' },
  'closing the database failed': { level: 'warn', meaning: 'While stopping; SQLite repairs itself at the next start.' },
  'database upkeep fails, tried again later': {
    level: 'warn',
    meaning: 'Rollups, coverage or pruning; recording goes on.',
  },
  'database refuses readings': {
    level: 'error',
    meaning: 'This very data, e.g. a name that is too long: it is kept in the dead-letter file.',
  },
  'database refuses the meters of the configuration': {
    level: 'error',
    meaning: 'A name is too long, or taken for another one; the hint says what to do.',
  },
  'database comes and goes: further changes are not logged for ten minutes': {
    level: 'warn',
    meaning: 'It was away and back six times in ten minutes.',
  },
  'changes of the database that were not logged': {
    level: 'warn',
    meaning: 'How often it was away and back meanwhile.',
  },
  'dead-letter file cannot be written: refused readings are lost': {
    level: 'error',
    meaning: 'Make room or give rights on the spool directory.',
  },
  'spool holds readings of an earlier run': { level: 'info', meaning: 'They are written to the database now.' },
  'spool replayed': { level: 'info', meaning: 'All polls that waited are in the database.' },
  'spool cannot be written': {
    level: 'error',
    meaning: 'While the database is away too, readings are lost: make room or give rights.',
  },
  'spool can be written again': { level: 'info', meaning: 'After the above.' },
  'spool drops its oldest readings': {
    level: 'error',
    meaning:
      'It has reached `spool.maxBytes` or `spool.maxAge`. How many: `GET /ping`; their slots go on record as `lost`.',
  },
  'spool directory cannot be locked: make sure that no other collector uses it': {
    level: 'warn',
    meaning: 'The file system has no locks.',
  },
  'what the spool dropped cannot be noted on disk': {
    level: 'error',
    meaning: 'Make room, or mend the disk: until then the gaps `lost` are kept in memory only.',
  },
  'spool segment cannot be read: moved aside': {
    level: 'error',
    meaning: 'The disk does not give it back. Its file is kept for people.',
  },
  'spool segment cannot be deleted': {
    level: 'error',
    meaning: 'Its readings are in the database; writing them twice does no harm.',
  },
  'spool segment ends in an unfinished write, left out': {
    level: 'info',
    meaning: 'A power cut or kill in the middle of a write: that cycle was never said to be stored.',
  },
  'spool segment has damaged lines: set aside': {
    level: 'error',
    meaning: 'The disk gave back other bytes than were written; the other lines are replayed.',
  },
  'closing the recorder takes too long: left as it is': {
    level: 'error',
    meaning: 'A disk or database hangs; what was acknowledged is durable.',
  },
  'a slot could not be run': { level: 'error', meaning: 'A fault of EMDC; the schedule goes on.' },
  'the lease could not be renewed: another collector may lead, so this one stands by': {
    level: 'warn',
    meaning: 'With `highAvailability`: the database cannot be reached for longer than the lease.',
  },
  'database stores less than comes in: readings go through the spool': {
    level: 'warn',
    meaning:
      'They waited longer than a write may take, and are written as the database gets to it. Said once until the spool has been empty again. Give the database more memory or faster disks, or read less often.',
  },
  'readings are being lost: neither database nor spool takes them': {
    level: 'error',
    meaning: 'Act now: `GET /ping` says 503 and why.',
  },
  'readings are kept again': { level: 'info', meaning: 'How many were lost meanwhile.' },
  'what is known of a meter changed': {
    level: ['warn', 'info'],
    meaning:
      'Compared with the database: another map, scale, unit, ratio, address, serial number or name, from and to. Earlier readings keep their meaning.',
  },
  'this collector reads the meters': {
    level: 'info',
    meaning: 'Of several collectors on one database: this one leads now.',
  },
  'this collector stands by': {
    level: 'info',
    meaning: 'Of several collectors on one database: another one, the `holder`, reads the meters.',
  },
  'a link has more requests than its schedule has time for': {
    level: 'warn',
    meaning: 'How long they take, and what to change.',
  },
  "the database's thread ended unexpectedly": {
    level: 'error',
    meaning: 'SQLite: a fault of the thread that writes; it is started again and readings wait in the spool.',
  },
} as const satisfies Readonly<Record<string, Message>>;

type Messages = typeof messages;
type LevelOf<M extends Message> = M['level'] extends readonly Level[] ? M['level'][number] : M['level'];
type TextOf<Name extends string> = Name extends `${infer Head}…${infer Tail}` ? `${Head}${string}${Tail}` : Name;

/** The texts that may be logged at a level. */
export type MessageOf<L extends Level> = {
  [Name in keyof Messages]: L extends LevelOf<Messages[Name]> ? TextOf<Name> : never;
}[keyof Messages];
