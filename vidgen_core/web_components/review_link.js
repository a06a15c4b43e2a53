// The page of a review link: one shot at a time, its takes side by side under a finger, with votes and comments of everybody.
import { make, name, set, signs, unload } from "./common.js"

const root = document.getElementById("review")
const { base } = root.dataset
const words = JSON.parse(root.dataset.words)
const LONGEST = Number(root.dataset.longest)
const EVERY = 4000

// Without room to remember it, a reviewer is somebody else after each visit.
const kept = {
  get(key) { try { return localStorage.getItem(key) } catch { return null } },
  put(key, value) { try { localStorage.setItem(key, value) } catch { /* a private window */ } },
}
const me = { reviewer: kept.get("vidgen-reviewer") || newId(), name: kept.get("vidgen-reviewer-name") || "" }
kept.put("vidgen-reviewer", me.reviewer)

// Each name of this browser is a reviewer of its own: a tablet that is handed on keeps what everybody said apart.
function becomes(name) {
  const known = kept.get(`vidgen-reviewer:${name}`)
  if (me.name && me.name !== name) me.reviewer = known || newId()
  me.name = name
  kept.put("vidgen-reviewer", me.reviewer)
  kept.put("vidgen-reviewer-name", name)
  kept.put(`vidgen-reviewer:${name}`, me.reviewer)
  load()
}
const cards = new Map()
let shots = []
let current = Number(location.hash.slice(1)) || undefined

const head = make("div", "head")
const title = make("h1")
const mine = make("button", "me")
const takes = make("div", "takes")
const nothing = make("p", "quiet", words.nothing)
const foot = make("div", "foot")
const back = make("button", "", `← ${words.previous}`)
const place = make("span", "quiet")
const on = make("button", "", `${words.next} →`)
const toast = make("div", "toast")
toast.setAttribute("role", "status")
toast.hidden = true
head.append(title, mine)
foot.append(back, place, on)
root.append(head, takes, nothing, foot, toast)
mine.onclick = () => askName()
back.onclick = () => step(-1)
on.onclick = () => step(1)

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")
}

function clock(seconds) {
  const whole = Math.floor(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}.${Math.floor((seconds - whole) * 10)}`
}

function tell(text) {
  toast.textContent = text
  toast.hidden = false
  clearTimeout(tell.timer)
  tell.timer = setTimeout(() => { toast.hidden = true }, 3000)
}

async function ask(path, method = "GET", body) {
  const options = { method, headers: { "X-Reviewer": me.reviewer, ...(body && { "Content-Type": "application/json" }) }, body: body && JSON.stringify(body) }
  let answer
  try {
    answer = await fetch(`${base}/${path}`, options)
  } catch {
    tell(words.offline)
    return undefined
  }
  const said = await answer.json().catch(() => ({}))
  if (answer.ok) return said
  tell(said.error?.message || words.offline)
  // Somebody else has that name here.
  if (answer.status === 409) askName()
  // The link has ended, or asks for its password again: the page says so itself.
  if (answer.status === 404 && path === "data") location.reload()
  return undefined
}

// --- what a reviewer does; it shows at once and is sent after

function askName() {
  return new Promise((named) => {
    const box = make("dialog")
    const form = make("form")
    const field = Object.assign(make("input"), { maxLength: 60, value: me.name, required: true, autocomplete: "name" })
    field.setAttribute("aria-label", words.who)
    const save = make("button", "primary", words.who_save)
    form.append(make("b", "", words.who), make("p", "quiet", words.who_help), field, save)
    form.onsubmit = (event) => {
      event.preventDefault()
      const wanted = field.value.trim()
      if (!wanted) return
      becomes(wanted)
      box.close()
      draw()
    }
    box.onclose = () => { box.remove(); named(Boolean(me.name)) }
    box.append(form)
    document.body.append(box)
    box.showModal()
    field.focus()
  })
}

const own = (take) => take.votes.find((one) => one.mine) || { vote: 0, favourite: false }

async function vote(shot, take, said) {
  if (!me.name && !(await askName())) return
  const before = own(take)
  for (const other of shot.takes) {
    const known = own(other)
    const next = other === take ? { ...known, ...said } : said.favourite ? { ...known, favourite: false } : known
    other.votes = other.votes.filter((one) => !one.mine)
    if (next.vote || next.favourite) other.votes.push({ ...next, mine: true, name: me.name })
  }
  draw()
  if (!(await ask("vote", "POST", { ...me, take: take.id, ...said })) && before) load(true)
}

async function comment(take, card) {
  const text = card.field.value.trim()
  if (!text || (!me.name && !(await askName()))) return
  const at = card.video.currentTime || 0
  const said = await ask("comment", "POST", { ...me, take: take.id, at, text })
  if (!said) return
  card.field.value = ""
  tell(words.saved)
  load()
}

async function remove(one) {
  if (await ask(`comment/${one.id}`, "DELETE", { reviewer: me.reviewer })) load()
}

function step(by) {
  const next = shots[shots.findIndex((shot) => shot.id === current) + by]
  if (!next) return
  current = next.id
  history.replaceState(null, "", `#${current}`)
  takes.scrollLeft = 0
  scrollTo(0, 0)
  draw()
}

// --- drawing

function draw() {
  let at = shots.findIndex((shot) => shot.id === current)
  if (at < 0 && shots.length) [at, current] = [0, shots[0].id]
  const shot = shots[at]
  nothing.hidden = Boolean(shot)
  foot.hidden = shots.length < 2
  set(mine, "textContent", me.name || words.who)
  set(place, "textContent", shot ? `${at + 1} / ${shots.length}` : "")
  back.disabled = at <= 0
  on.disabled = at >= shots.length - 1
  const wanted = shot ? shot.takes : []
  for (const [id, card] of cards) {
    if (wanted.some((take) => take.id === id)) continue
    unload(card.video)
    card.node.remove()
    cards.delete(id)
  }
  wanted.forEach((take, number) => {
    if (!cards.has(take.id)) cards.set(take.id, makeCard(take))
    const card = cards.get(take.id)
    if (takes.children[number] !== card.node) takes.insertBefore(card.node, takes.children[number] || null)
    paint(card, shot, take)
  })
}

function makeCard(take) {
  const node = make("article", "take")
  const video = Object.assign(make("video"), { controls: true, playsInline: true, preload: "metadata", loop: true, src: take.video })
  if (take.poster) video.poster = take.poster
  const line = make("div", "title")
  const card = { node, video, number: make("b"), length: make("span", "quiet"), marks: make("div", "marks"), others: make("div", "others"),
    field: Object.assign(make("input"), { maxLength: LONGEST, enterKeyHint: "send" }), said: make("ul", "said"), now: make("span", "quiet") }
  line.append(card.number, card.length)
  card.up = make("button")
  card.down = make("button")
  card.favourite = make("button")
  card.marks.append(card.up, card.down, card.favourite)
  const say = make("form", "say")
  card.send = make("button", "", words.send)
  say.append(card.field, card.send)
  const timed = () => {
    const label = words.comment_at.replace("{at}", clock(video.currentTime || 0))
    set(card.field, "placeholder", label)
    card.field.setAttribute("aria-label", label)
  }
  video.ontimeupdate = video.onseeked = video.onloadedmetadata = timed
  // The moment that is meant is the one that is seen while words are typed.
  card.field.onfocus = () => video.pause()
  video.onplay = () => { for (const other of cards.values()) if (other.video !== video) other.video.pause() }
  timed()
  say.onsubmit = (event) => {
    event.preventDefault()
    comment(shots.flatMap((shot) => shot.takes).find((one) => one.id === take.id), card)
  }
  node.append(line, video, card.marks, card.others, say, card.said)
  return card
}

function paint(card, shot, take) {
  const { vote: voted, favourite } = own(take)
  set(card.number, "textContent", `${shot.number} · ${words.take.replace("{n}", take.number)}`)
  set(card.length, "textContent", clock(take.seconds))
  card.node.classList.toggle("mine", favourite)
  card.node.setAttribute("aria-label", card.number.textContent)
  const buttons = [
    [card.up, `👍 ${words.up}`, voted === 1, () => vote(shot, take, { vote: voted === 1 ? 0 : 1 })],
    [card.down, `👎 ${words.down}`, voted === -1, () => vote(shot, take, { vote: voted === -1 ? 0 : -1 })],
    [card.favourite, `★ ${words.favourite}`, favourite, () => vote(shot, take, { favourite: !favourite })],
  ]
  for (const [button, label, pressed, act] of buttons) {
    set(button, "textContent", label)
    button.setAttribute("aria-pressed", String(pressed))
    button.onclick = act
  }
  card.others.replaceChildren(...take.votes.map((one) => {
    const who = one.mine ? words.you : one.name
    return make("span", "", `${who} ${signs(one)}`)
  }))
  card.others.hidden = !take.votes.length
  card.said.replaceChildren(...take.comments.map((one) => {
    const item = make("li")
    const at = make("button", "at", clock(one.at))
    at.onclick = () => { card.video.pause(); card.video.currentTime = one.at }
    const text = make("span", "words")
    text.append(make("b", "", one.mine ? words.you : one.name), one.text)
    item.append(at, text)
    if (one.mine) {
      const gone = make("button", "gone", "✕")
      name(gone, words.remove)
      gone.onclick = () => remove(one)
      item.append(gone)
    }
    return item
  }))
}

// What was shown before it was sent, and was refused, is drawn anew as well.
async function load(anew = false) {
  const found = await ask("data")
  if (!found) return
  const told = JSON.stringify(found)
  if (told === load.told && !anew) return
  load.told = told
  shots = found.shots
  set(title, "textContent", found.project)
  draw()
}

setInterval(() => { if (!document.hidden) load() }, EVERY)
document.addEventListener("visibilitychange", () => { if (!document.hidden) load() })
load()
