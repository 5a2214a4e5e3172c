// Keeps the list of cards and the one that is shown as they are now. Without it the page works, as of when it was loaded.
'use strict';
const body = document.body, list = document.getElementById('cards'), said = document.getElementById('said');
const frame = document.querySelector('iframe');
let shown = list.querySelector('a')?.dataset.key;

const links = () => [...list.querySelectorAll('a')];
function mark() {
  for (const a of links()) {
    if (a.dataset.key === shown) a.setAttribute('aria-current', 'true');
    else a.removeAttribute('aria-current');
  }
}
list.addEventListener('click', event => {
  const a = event.target.closest('a');
  if (a) { shown = a.dataset.key; mark(); }
});

function item(card) {
  const li = document.createElement('li'), a = document.createElement('a');
  a.href = card.url;
  a.target = 'card';
  a.dataset.key = card.key;
  a.dataset.token = card.token;
  for (const [name, text] of [['task', card.task], ['name', card.name], ...(card.failed ? [['failed', 'failed']] : card.live ? [['live', 'live']] : [])]) {
    const span = document.createElement('span');
    span.className = name;
    span.textContent = text;
    a.append(span, ' ');
  }
  li.append(a);
  return li;
}

function update(state) {
  if (String(state.run) !== body.dataset.run || state.cards.length === 0) {
    if (state.version !== body.dataset.version) location.reload(); // another run, or nothing any more
    return;
  }
  body.dataset.version = state.version;
  const status = document.querySelector('.status');
  status.textContent = state.status;
  status.className = 'status ' + state.status;
  const before = new Map(links().map(a => [a.dataset.key, a.dataset.token]));
  const focused = document.activeElement?.dataset?.key;
  list.replaceChildren(...state.cards.map(item));
  if (focused) links().find(a => a.dataset.key === focused)?.focus();
  if (!state.cards.some(card => card.key === shown)) shown = undefined;
  const card = state.cards.find(card => card.key === shown) ?? state.cards[0];
  if (card.key !== shown || before.get(card.key) !== card.token) {
    shown = card.key;
    frame.src = card.url;
  }
  mark();
}

async function look() {
  try {
    const answer = await fetch(body.dataset.state);
    if (!answer.ok) throw new Error(await answer.text());
    const state = await answer.json();
    if (state.version !== body.dataset.version) update(state);
    said.textContent = '';
  } catch (error) {
    said.textContent = 'The server does not answer; what you see may be old.';
  }
  setTimeout(look, Number(body.dataset.poll));
}
mark();
setTimeout(look, Number(body.dataset.poll));
