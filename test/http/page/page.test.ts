import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Browser } from 'playwright-core';
import { chromiumProgram, NO_BROWSER, openBrowser, visit } from '../../support/browser.js';
import { ask, openServer } from '../../support/http.js';
import { meterInfo, metricInfo, ServiceInHand } from '../../support/service.js';

const HOSTILE = `"><script>document.title='pwned'</script><img src=x onerror="document.title='pwned'">'\`\${1}&lt;\u202e</details>`;
const asBrowser = { headers: { accept: 'text/html,*/*;q=0.8' } };

function makeService(names: readonly string[] = ['site/a', 'site/b']) {
  const metrics = [metricInfo('Voltage_AN'), metricInfo('W', 'kW'), metricInfo('W_A', 'kW')];
  const meters = names.map((name) => meterInfo(name, metrics));
  const service = new ServiceInHand(meters, () => Date.now());
  for (const [index, meter] of meters.entries()) {
    for (let poll = 0; poll < 10; poll++) {
      service.poll(meter, Date.now() - 10_000 + poll * 1000, [230.5 + index, 7 + poll, poll === 4 ? null : 2.5]);
    }
  }
  return { service, meters };
}

test('the page is whole without any script: values, units, states, reasons and courses', async (t) => {
  const { service } = makeService();
  service.state = { status: 'degraded', reasons: ['site/b is offline'] };
  service.meterStates.set('site/b', { state: 'offline', why: 'timeout after 1000 ms', since: Date.now() - 300_000 });
  const { url } = await openServer(t, { service });
  const { text, headers, status } = await ask(`${url}/metric`, asBrowser);
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'text/html; charset=utf-8');
  assert.match(text, /site\/b is offline/);
  assert.match(text, /timeout after 1000 ms · for 5 min/);
  assert.match(text, />230\.50 <span class="unit">V</);
  assert.match(text, />231\.50 <span class="unit">V</);
  assert.equal(text.match(/class="stale"/g)?.length, 3, 'all of the meter that is offline, none of the other');
  assert.equal(text.match(/<svg class="spark"/g)?.length, 6);
});

test('a value that its meter no longer gives is stale, though the meter answers', async (t) => {
  const { service, meters } = makeService(['site/a']);
  const [meter] = meters;
  assert.ok(meter);
  service.poll(meter, Date.now() - 120_000, [1, 2, 3]);
  const fresh = new ServiceInHand(meters, () => Date.now());
  fresh.poll(meter, Date.now() - 120_000, [1, 2, 3]);
  fresh.poll(meter, Date.now() - 1000, [1, 2, null]);
  const { url } = await openServer(t, { service: fresh });
  const { text } = await ask(`${url}/metric`, asBrowser);
  assert.equal(text.match(/class="stale"/g)?.length, 1);
  assert.match(text, /1 stale/);
  assert.match(text, /stale · 2 min/);
});

test('nothing that a meter, a metric or an error is called becomes markup', async (t) => {
  const meter = { ...meterInfo(HOSTILE, [metricInfo(HOSTILE, HOSTILE, { description: HOSTILE })]), host: HOSTILE };
  const service = new ServiceInHand([meter], () => Date.now());
  service.poll(meter, Date.now(), [1]);
  service.meterStates.set(HOSTILE, { state: 'failing', why: HOSTILE, lastError: { time: 0, message: HOSTILE } });
  service.state = { status: 'degraded', reasons: [HOSTILE] };
  const { url } = await openServer(t, { service });
  const { text } = await ask(`${url}/metric`, asBrowser);
  assert.doesNotMatch(text, /<img|pwned'<\/script|<script>document|onerror="/);
  assert.equal(text.match(/<script>/g)?.length, 1);
  assert.equal(text.match(/<details/g)?.length, 1);
  assert.equal(text.match(/<\/details>/g)?.length, 1);
});

test('a large site comes with its meters closed and without their values', async (t) => {
  const { service } = makeService(Array.from({ length: 400 }, (_, i) => `site/${i % 7}/meter ${i}`));
  const { url } = await openServer(t, { service });
  const page = await ask(`${url}/metric`, asBrowser);
  assert.equal(page.text.match(/<details/g)?.length, 400);
  assert.doesNotMatch(page.text, /<details[^>]* open|<svg class="spark"/);
  const part = await ask(`${url}/metric?meter=site/0/meter+0&meter=site/1/meter+1`, asBrowser);
  assert.equal(part.text.match(/<svg class="spark"/g)?.length, 6);
});

test('in Chromium', { skip: chromiumProgram === null && NO_BROWSER, timeout: 180_000 }, async (suite) => {
  let browser: Browser;
  before(async () => {
    browser = await openBrowser(chromiumProgram ?? '');
  });
  after(() => browser.close());

  await suite.test('it refreshes by itself and asks nobody but the collector', async (t) => {
    const { service, meters } = makeService();
    const { url } = await openServer(t, { service });
    const { page, complaints, requests } = await visit(t, browser);
    await page.goto(`${url}/metric`);
    const value = page.locator('details[data-meter="site/a"] .value').first();
    assert.equal((await value.textContent())?.trim(), '230.50 V');
    assert.ok(meters[0]);
    service.poll(meters[0], Date.now(), [240.25, 1, 2]);
    service.meterStates.set('site/b', { state: 'failing', why: 'exception 2' });
    await page.getByText('240.25').waitFor();
    await page.locator('details[data-meter="site/b"].trouble').waitFor();
    assert.deepEqual(complaints, []);
    assert.deepEqual([...new Set(requests)], [`${url}/metric`]);
  });

  await suite.test('what the reader closed, marked and filtered stays through a refresh', async (t) => {
    const { service, meters } = makeService();
    const { url } = await openServer(t, { service });
    const { page } = await visit(t, browser);
    await page.goto(`${url}/metric`);
    const [a, b] = ['site/a', 'site/b'].map((name) => page.locator(`details[data-meter="${name}"]`));
    assert.ok(a && b && meters[0] && meters[1]);
    await a.locator('summary').click();
    await b.locator('summary').focus();
    await page.evaluate(`getSelection().selectAllChildren(document.querySelector('h1'))`);
    service.poll(meters[1], Date.now(), [199.5, 1, 2]);
    await page.getByText('199.50').waitFor();
    assert.equal(await a.getAttribute('open'), null);
    assert.notEqual(await b.getAttribute('open'), null);
    assert.equal(await page.evaluate('getSelection().toString()'), 'Energy meters');
    assert.equal(await page.evaluate('document.activeElement.parentElement.dataset.meter'), 'site/b');
  });

  await suite.test('the filter finds meters and values, and trouble alone', async (t) => {
    const { service, meters } = makeService(['x/first', 'x/second', 'y/third']);
    service.meterStates.set('x/second', { state: 'offline', why: 'timeout' });
    const { url } = await openServer(t, { service });
    const { page } = await visit(t, browser);
    await page.goto(`${url}/metric`);
    const shown = () => page.locator('details.meter:visible h3').allTextContents();
    const search = page.getByRole('searchbox');
    await search.fill('THIRD');
    assert.deepEqual(await shown(), ['third']);
    assert.equal(await page.getByText('x', { exact: true }).isVisible(), false, 'a group without hits goes too');
    await search.fill('x volt');
    assert.deepEqual(await shown(), ['first', 'second']);
    assert.deepEqual(await page.locator('.metrics li:visible .name').allTextContents(), ['Voltage_AN', 'Voltage_AN']);
    assert.ok(meters[0]);
    service.poll(meters[0], Date.now(), [201.5, 1, 2]);
    await page.getByText('201.50').waitFor();
    assert.equal(await page.locator('.metrics li:visible').count(), 2, 'still filtered after a refresh');
    await search.fill('');
    await page.getByLabel('Trouble only').check();
    assert.deepEqual(await shown(), ['second']);
    await search.fill('nowhere');
    await page.getByText('Nothing here matches').waitFor();
  });

  await suite.test('a collector that goes away is said to be away, and its return is noticed', async (t) => {
    const { service } = makeService();
    const server = await openServer(t, { service });
    const { page } = await visit(t, browser);
    await page.goto(`${server.url}/metric`);
    await server.close();
    await page.getByText('The collector does not answer. What is shown is as of').waitFor();
    await openServer(t, { service, http: { port: server.port } });
    await page.locator('.lost').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('body.cut').count(), 0);
  });

  await suite.test('of a large site the values of a meter come when it is opened, and stay fresh', async (t) => {
    const { service, meters } = makeService(Array.from({ length: 400 }, (_, i) => `site/meter ${i}`));
    const { url } = await openServer(t, { service });
    const { page, complaints } = await visit(t, browser);
    await page.goto(`${url}/metric`);
    const meter = page.locator('details[data-meter="site/meter 7"]');
    await meter.locator('summary').click();
    await meter.getByText('237.50').waitFor();
    assert.ok(meters[7]);
    service.poll(meters[7], Date.now(), [111.5, 1, 2]);
    await meter.getByText('111.50').waitFor();
    assert.equal(await page.locator('.metrics').count(), 1);
    assert.deepEqual(complaints, []);
  });

  await suite.test('hostile names are shown as they are and run nothing', async (t) => {
    const meter = meterInfo(HOSTILE, [metricInfo(HOSTILE, HOSTILE, { description: HOSTILE })]);
    const service = new ServiceInHand([meter], () => Date.now());
    service.poll(meter, Date.now(), [1]);
    service.state = { status: 'degraded', reasons: [HOSTILE] };
    const { url } = await openServer(t, { service });
    const { page, complaints } = await visit(t, browser);
    await page.goto(`${url}/metric`);
    service.poll(meter, Date.now(), [2.5]);
    await page.getByText('2.500').waitFor();
    assert.equal(await page.title(), 'Degraded – EMDC');
    assert.equal(await page.locator('.notice li').textContent(), HOSTILE);
    assert.equal(await page.locator('.name').textContent(), HOSTILE);
    assert.equal(await page.locator('img').count(), 0);
    assert.deepEqual(complaints, []);
  });

  await suite.test('it fits a phone, in the dark and in the light, without sideways scrolling', async (t) => {
    const long = `site/${'a-very-long-meter-name-'.repeat(6)}`;
    const { service } = makeService(['site/a', long]);
    service.meterStates.set(long, {
      state: 'offline',
      why: 'x'.repeat(300),
      lastError: { time: 0, message: 'y'.repeat(300) },
    });
    const { url } = await openServer(t, { service });
    const grounds = new Set<unknown>();
    for (const colorScheme of ['light', 'dark'] as const) {
      const { page } = await visit(t, browser, { viewport: { width: 360, height: 740 }, colorScheme });
      await page.goto(`${url}/metric`);
      assert.equal(await page.evaluate('document.documentElement.scrollWidth'), 360);
      grounds.add(await page.evaluate('getComputedStyle(document.body).backgroundColor'));
    }
    assert.equal(grounds.size, 2);
  });

  await suite.test('without scripts it can be read, opened and closed, and reloads itself', async (t) => {
    const { service } = makeService();
    const { url } = await openServer(t, { service });
    const { page } = await visit(t, browser, { javaScriptEnabled: false });
    await page.goto(`${url}/metric`);
    await page.getByText('230.50').waitFor();
    assert.equal(await page.getByRole('searchbox').isVisible(), false);
    await page.locator('summary').first().click();
    await page.getByText('230.50').waitFor({ state: 'hidden' });
    assert.equal(await page.locator('noscript meta[http-equiv=refresh]').count(), 1);
  });
});
