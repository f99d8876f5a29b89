// Keeps the page up to date: fetches the page again and takes over what has changed, node by node, so that an opened meter,
// selected text and the keyboard focus stay. Without scripts the page reloads itself instead.

const main = document.querySelector('main');
const bar = document.querySelector('.bar');
const search = bar.querySelector('input[type=search]');
const troubleOnly = bar.querySelector('input[type=checkbox]');
const lost = bar.querySelector('.lost');
const period = Number(document.body.dataset.period);
const parser = new DOMParser();
let busy = false;

async function load(query) {
  const response = await fetch(location.pathname + query, {
    headers: { accept: 'text/html' },
    signal: AbortSignal.timeout(15000),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return parser.parseFromString(await response.text(), 'text/html');
}

function morph(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) return old.replaceWith(fresh);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name, value } of fresh.attributes)
    if (name !== 'open' && old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const { name } of [...old.attributes])
    if (name !== 'open' && !fresh.hasAttribute(name)) old.removeAttribute(name);
  // A large site's page comes without the values of its meters: those fetched before stay until they are fetched again.
  if (fresh.matches('.values[data-later]') && old.querySelector('.metrics')) return;
  const [olds, freshs] = [[...old.childNodes], [...fresh.childNodes]];
  for (const [i, child] of freshs.entries()) {
    if (olds[i]) morph(olds[i], child);
    else old.append(child);
  }
  for (const child of olds.slice(freshs.length)) child.remove();
}

const meters = (root) => [...root.querySelectorAll('details.meter')];

async function fill(wanted) {
  for (let i = 0; i < wanted.length; i += 20) {
    const names = wanted.slice(i, i + 20).map((details) => `meter=${encodeURIComponent(details.dataset.meter)}`);
    const page = await load(`?${names.join('&')}`);
    const fresh = new Map(meters(page).map((details) => [details.dataset.meter, details.querySelector('.values')]));
    for (const details of wanted.slice(i, i + 20)) {
      const values = fresh.get(details.dataset.meter);
      if (values) morph(details.querySelector('.values'), values);
    }
  }
}

async function refresh() {
  if (busy || document.hidden) return;
  busy = true;
  try {
    const page = await load(location.search);
    const fresh = [...page.querySelectorAll('[data-live]')];
    for (const [i, part] of [...document.querySelectorAll('[data-live]')].entries()) morph(part, fresh[i]);
    document.title = page.title;
    await fill(meters(main).filter((details) => details.open && details.querySelector('[data-later]')));
    document.body.classList.remove('cut');
    lost.hidden = true;
  } catch {
    document.body.classList.add('cut');
    lost.hidden = false;
    const text = `The collector does not answer. What is shown is ${document.querySelector('.asof').textContent}.`;
    if (lost.textContent !== text) lost.textContent = text;
  }
  sift();
  busy = false;
}

function sift() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => text.includes(word));
  let count = 0;
  for (const details of meters(main)) {
    const text = details.dataset.search.toLowerCase();
    const whole = has(text);
    let any = whole;
    for (const item of details.querySelectorAll('.metrics > li')) {
      const match = whole || has(`${text} ${item.dataset.search.toLowerCase()}`);
      item.hidden = !match;
      any ||= match;
    }
    details.hidden = !any || (troubleOnly.checked && !details.classList.contains('trouble'));
    if (!details.hidden) count++;
  }
  for (const section of main.querySelectorAll('section'))
    section.hidden = !section.querySelector('details:not([hidden])');
  const nothing = main.querySelector('.nothing');
  if (nothing) nothing.hidden = count > 0;
}

main.addEventListener(
  'toggle',
  (event) => {
    const details = event.target;
    if (details.open && details.querySelector('[data-later]')) fill([details]).then(sift, () => {});
  },
  true,
);
search.addEventListener('input', sift);
troubleOnly.addEventListener('change', sift);
for (const button of bar.querySelectorAll('button'))
  button.addEventListener('click', () => {
    for (const details of meters(main)) if (!details.hidden) details.open = button.dataset.open === 'yes';
  });
document.addEventListener('visibilitychange', refresh);
bar.hidden = false;
setInterval(refresh, period);
