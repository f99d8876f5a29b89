import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, openServer } from '../support/http.js';
import { meterInfo, metricInfo, ServiceInHand } from '../support/service.js';
import { findProgram } from '../support/tools.js';

const OPENMETRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8';
const NASTY = 'a "quoted"\\back\nnew line, {brace} µ 电';

function makeService() {
  const counter = { type: 'counter', range: 1e9 } as const;
  const a = meterInfo('site/a', [
    metricInfo('V'),
    metricInfo('energy', 'kWh', { kind: counter }),
    metricInfo('pf', ''),
  ]);
  const b = meterInfo(NASTY, [metricInfo(NASTY, NASTY)]);
  const service = new ServiceInHand([a, b], () => Date.now());
  service.poll(a, Date.now() - 2000, [230.25, 1234.5, null]);
  service.poll(b, Date.now() - 2000, [-1e-7]);
  return service;
}

const scrape = (url: string, accept: string) => ask(`${url}/metric`, { headers: { accept } });

/** The one sample whose line starts so. */
function sample(text: string, start: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(start));
  assert.equal(lines.length, 1, `${lines.length} lines start with ${start}`);
  return Number(lines[0]?.split(' ').at(-1));
}

test('readings come as gauges and counters with meter, metric, unit and age, in both formats', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  for (const accept of ['text/plain', OPENMETRICS]) {
    const { text, headers } = await scrape(url, accept);
    assert.equal(sample(text, 'emdc_reading{meter="site/a",metric="V",unit="V"}'), 230.25);
    assert.equal(sample(text, 'emdc_accumulated_total{meter="site/a",metric="energy",unit="kWh"}'), 1234.5);
    const age = sample(text, 'emdc_reading_age_seconds{meter="site/a",metric="V",unit="V"}');
    assert.ok(age >= 2 && age < 60);
    assert.doesNotMatch(text, /metric="pf"/, 'what was not read is absent');
    const nasty = 'a \\"quoted\\"\\\\back\\nnew line, {brace} µ 电';
    assert.equal(sample(text, `emdc_reading{meter="${nasty}",metric="${nasty}",unit="${nasty}"}`), -1e-7);
    assert.equal(
      headers['content-type'],
      accept === OPENMETRICS ? OPENMETRICS : 'text/plain; version=0.0.4; charset=utf-8',
    );
    assert.equal(text.endsWith('\n# EOF\n'), accept === OPENMETRICS);
  }
});

test("the collector's own figures are there, and those of its process", async (t) => {
  const service = makeService();
  service.state = {
    disks: [{ directory: '/var/lib/emdc', freeBytes: 3e9, sizeBytes: 8e9 }],
    spool: { readings: 21, bytes: 900, oldest: Date.now() - 7_200_000, dropped: 1, deadLetters: 2 },
  };
  const { url } = await openServer(t, { service });
  await ask(`${url}/nothing`);
  const { text } = await scrape(url, 'text/plain');
  assert.equal(sample(text, 'emdc_cycles_total '), 240);
  assert.equal(sample(text, 'emdc_missed_slots_total '), 1);
  assert.equal(sample(text, 'emdc_overrun_slots_total '), 2);
  assert.equal(sample(text, 'emdc_cycle_duration_seconds '), 0.041);
  assert.equal(sample(text, 'emdc_database_write_seconds '), 0.0015);
  assert.equal(sample(text, 'emdc_spool_readings '), 21);
  assert.ok(sample(text, 'emdc_spool_age_seconds ') >= 7200);
  assert.equal(sample(text, 'emdc_meter_up{meter="site/a"}'), 1);
  assert.equal(sample(text, 'emdc_meter_missing_readings_total{meter="site/a",reason="exception 2"}'), 4);
  assert.equal(sample(text, 'emdc_http_request_duration_seconds_count{endpoint="other",status="404"}'), 1);
  assert.equal(sample(text, 'emdc_disk_free_bytes{directory="/var/lib/emdc"}'), 3e9);
  assert.ok(sample(text, 'process_cpu_seconds_total ') > 0);
  const busy = sample(text, 'nodejs_eventloop_active_seconds_total ');
  assert.ok(busy > 0 && busy < process.uptime());
  assert.ok(sample(text, 'process_resident_memory_bytes ') > 1e6);
});

test('a scrape can be limited to some meters', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  const { text } = await ask(`${url}/metric?meter=site/a`, { headers: { accept: 'text/plain' } });
  assert.match(text, /meter="site\/a"/);
  assert.doesNotMatch(text, /quoted/);
});

test('scrapes in both formats at once do not disturb each other', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  const accepts = Array.from({ length: 10 }, (_, i) => (i % 2 ? OPENMETRICS : 'text/plain'));
  const answers = await Promise.all(accepts.map((accept) => scrape(url, accept)));
  for (const [i, { text }] of answers.entries()) {
    assert.equal(text.includes('# TYPE process_cpu_seconds_total counter'), i % 2 === 0);
    assert.equal(text.includes('# TYPE process_cpu_seconds counter'), i % 2 === 1);
    assert.match(text, /^process_cpu_seconds_total /m);
  }
});

test('a Prometheus of today is answered in OpenMetrics, though its wish has parameters that are not known', async (t) => {
  const { url } = await openServer(t, { service: makeService() });
  const accept =
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,' +
    'application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,' +
    'text/plain;version=0.0.4;q=0.3,*/*;q=0.2';
  assert.equal((await scrape(url, accept)).headers['content-type'], OPENMETRICS);
});

test("promtool, Prometheus' own checker, finds nothing to complain about", async (t) => {
  const promtool = findProgram('promtool');
  if (!promtool) return t.skip('NOT RUN: promtool is not installed (Debian package prometheus)');
  const { url } = await openServer(t, { service: makeService() });
  const { text } = await scrape(url, 'text/plain');
  const checked = spawnSync(promtool, ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.equal(checked.stderr + checked.stdout, '');
  assert.equal(checked.status, 0);
});

test('a Prometheus server scrapes it: up is 1 and a reading is there', { timeout: 120_000 }, async (t) => {
  const prometheus = findProgram('prometheus');
  if (!prometheus) return t.skip('NOT RUN: prometheus is not installed (Debian package prometheus)');
  const service = makeService();
  const { port } = await openServer(t, { service });
  const api = await startPrometheus(t, prometheus, port);
  const query = async (expression: string) => {
    const answer = await ask(`${api}/api/v1/query?query=${encodeURIComponent(expression)}`).catch(() => null);
    if (answer?.status !== 200) return null;
    const { data } = answer.json() as {
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    return data.result[0] ?? null;
  };
  let up = await query('up == 1');
  while (!up && !t.signal.aborted) {
    await sleep(200);
    up = await query('up == 1');
  }
  const reading = await query('emdc_reading{metric="V"}');
  assert.equal(reading?.value[1], '230.25');
  assert.equal(reading?.metric['unit'], 'V');
  assert.equal((await query('emdc_reading{metric!="V"}'))?.metric['meter'], NASTY);
  assert.equal((await query('emdc_accumulated_total'))?.value[1], '1234.5');
});

async function startPrometheus(t: TestContext, program: string, target: number): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'emdc-prometheus-'));
  const config = join(folder, 'prometheus.yml');
  // JSON is YAML.
  const job = { job_name: 'emdc', metrics_path: '/metric', static_configs: [{ targets: [`127.0.0.1:${target}`] }] };
  writeFileSync(
    config,
    JSON.stringify({ global: { scrape_interval: '500ms', scrape_timeout: '400ms' }, scrape_configs: [job] }),
  );
  const port = await freePort();
  const child: ChildProcess = spawn(
    program,
    [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'ignore' },
  );
  t.after(async () => {
    if (child.exitCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    }
    rmSync(folder, { recursive: true, force: true });
  });
  return `http://127.0.0.1:${port}`;
}

/** Prometheus cannot be asked for a free port by itself. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
