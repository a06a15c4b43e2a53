// Takes of one shot side by side. The longest one is the clock; the others follow it and hold their last picture.
const walls = new WeakMap()
const DRIFT = 0.07

function make(tag, name, text) {
  const node = document.createElement(tag)
  if (name) node.className = name
  if (text !== undefined) node.textContent = text
  return node
}

class Wall {
  constructor(parent) {
    this.root = make("div", "root")
    parent.appendChild(this.root)
    this.takes = new Map()
    this.playing = true
    this.focus = 0
    this.build()
    this.onKey = (event) => this.key(event)
    document.addEventListener("keydown", this.onKey)
    this.ticker = setInterval(() => this.keepStep(), 120)
  }

  build() {
    this.wall = make("div", "takes")
    this.why = make("div", "why")
    this.why.hidden = true
    this.bar = make("div", "bar")
    this.back = make("button")
    this.toggle = make("button")
    this.on = make("button")
    this.time = make("input", "time")
    Object.assign(this.time, { type: "range", min: 0, max: 1000, value: 0 })
    this.back.onclick = () => this.step(-1)
    this.on.onclick = () => this.step(1)
    this.toggle.onclick = () => this.setPlaying(!this.playing)
    this.time.oninput = () => this.seek(Number(this.time.value) / 1000)
    this.bar.append(this.back, this.toggle, this.time, this.on)
    this.strip = make("div", "strip")
    this.strip.setAttribute("role", "group")
    this.help = make("details")
    this.root.append(this.wall, this.why, this.bar, this.strip, this.help)
  }

  update({ data, setTriggerValue }) {
    this.send = (act) => setTriggerValue("act", { ...act, at: Date.now() })
    const moved = this.data && this.data.shot !== data.shot
    this.data = data
    if (moved || this.shot === undefined) {
      this.shot = data.shot
      this.focus = Math.max(0, data.takes.findIndex((take) => take.rejected === null))
      this.closeWhy()
    }
    this.drawTakes()
    this.drawBar()
    this.drawStrip()
    this.drawHelp()
  }

  // --- takes

  drawTakes() {
    const wanted = new Set(this.data.takes.map((take) => take.id))
    for (const [id, card] of this.takes) {
      if (!wanted.has(id)) {
        card.video.removeAttribute("src")
        card.video.load()
        card.node.remove()
        this.takes.delete(id)
      }
    }
    this.data.takes.forEach((take, place) => {
      if (!this.takes.has(take.id)) this.takes.set(take.id, this.makeTake(take))
      const card = this.takes.get(take.id)
      // Moving a node would stop its video.
      if (this.wall.children[place] !== card.node) this.wall.insertBefore(card.node, this.wall.children[place] || null)
      this.paintTake(card, take, place)
    })
  }

  makeTake(take) {
    const node = make("article", "take")
    const frame = make("div", "frame")
    const video = make("video")
    Object.assign(video, { muted: true, playsInline: true, preload: "auto", poster: take.poster, src: take.video })
    video.setAttribute("playsinline", "")
    frame.style.aspectRatio = `${take.width} / ${take.height}`
    // Upright takes may be as wide as two thirds of the window is high.
    node.style.setProperty("--widest", `calc(68vh * ${take.width / take.height} + 1.25rem)`)
    const key = make("span", "key")
    const mark = make("span", "mark")
    frame.append(video, key, mark)
    const facts = make("p", "facts")
    const reason = make("p", "reason")
    const row = make("div", "row")
    const choose = make("button", "choose")
    const reject = make("button", "reject")
    const get = make("a", "get", "↓")
    get.href = take.download
    if (this.data.pickable) row.append(choose, reject)
    const line = make("div", "line")
    line.append(facts, get)
    node.append(frame, line, reason, row)
    node.tabIndex = -1
    video.oncanplay = () => this.playing && this.startAll()
    video.onerror = () => { facts.textContent = this.data.words.broken }
    return { node, video, key, mark, facts, reason, choose, reject, get }
  }

  paintTake(card, take, place) {
    const w = this.data.words
    card.node.classList.toggle("chosen", take.chosen)
    card.node.classList.toggle("rejected", take.rejected !== null)
    card.node.classList.toggle("focus", place === this.focus)
    card.node.setAttribute("aria-label", `v${take.number}`)
    card.key.textContent = place < 9 ? `${place + 1}` : `v${take.number}`
    card.mark.textContent = take.chosen ? `★ ${w.chosen}` : take.rejected !== null ? `✕ ${w.rejected}` : ""
    if (!card.video.error) card.facts.textContent = `v${take.number} · ${take.facts}`
    card.reason.textContent = take.rejected || ""
    card.choose.textContent = take.chosen ? w.unchoose : `★ ${w.choose}`
    card.choose.setAttribute("aria-pressed", String(take.chosen))
    card.choose.onclick = () => this.choose(place)
    card.reject.textContent = take.rejected !== null ? w.unreject : `✕ ${w.reject}`
    card.reject.onclick = () => this.reject(place)
    card.get.setAttribute("aria-label", `${w.download} v${take.number}`)
    card.get.title = w.download
    card.node.onpointerdown = () => this.setFocus(place)
  }

  setFocus(place) {
    this.focus = Math.max(0, Math.min(this.data.takes.length - 1, place))
    this.drawTakes()
  }

  // --- playing in step

  videos() {
    return this.data.takes.map((take) => this.takes.get(take.id).video).filter((video) => video.duration > 0)
  }

  leader() {
    return this.videos().reduce((long, video) => (!long || video.duration > long.duration ? video : long), undefined)
  }

  startAll() {
    for (const video of this.videos()) if (!video.ended && video.paused) video.play().catch(() => {})
  }

  setPlaying(playing) {
    this.playing = playing
    if (playing) this.startAll()
    else for (const video of this.videos()) video.pause()
    this.drawBar()
  }

  seek(part) {
    const lead = this.leader()
    if (!lead) return
    for (const video of this.videos()) video.currentTime = Math.min(part * lead.duration, Math.max(0, video.duration - 0.03))
    if (this.playing) this.startAll()
  }

  again() {
    for (const video of this.videos()) {
      video.currentTime = 0
      video.play().catch(() => {})
    }
  }

  keepStep() {
    const lead = this.data && this.leader()
    if (!lead) return
    if (document.activeElement !== this.time) this.time.value = Math.round((1000 * lead.currentTime) / lead.duration)
    if (!this.playing || document.hidden) return
    if (lead.ended) {
      // Seeking takes its time; asking again meanwhile would put it off for ever.
      if (!lead.seeking) this.again()
      return
    }
    if (lead.paused) lead.play().catch(() => {})
    for (const video of this.videos()) {
      const wanted = Math.min(lead.currentTime, video.duration)
      if (video === lead || video.seeking) continue
      if (Math.abs(video.currentTime - wanted) > DRIFT) video.currentTime = Math.min(wanted, Math.max(0, video.duration - 0.03))
      if (video.paused && wanted < video.duration - DRIFT) video.play().catch(() => {})
    }
  }

  // --- acts; the answer shows before the server has heard of it

  choose(place) {
    const take = this.data.takes[place]
    if (!take || !this.data.pickable) return
    const on = !take.chosen
    for (const other of this.data.takes) other.chosen = false
    take.chosen = on
    if (on) take.rejected = null
    const own = this.data.strip.find((shot) => shot.id === this.shot)
    if (own) own.waiting = !on
    this.focus = place
    this.closeWhy()
    this.drawTakes()
    this.drawStrip()
    this.send({ do: on ? "choose" : "unchoose", shot: this.shot, take: take.id })
  }

  reject(place) {
    const take = this.data.takes[place]
    if (!take || !this.data.pickable) return
    this.focus = place
    if (take.rejected !== null) {
      take.rejected = null
      this.drawTakes()
      this.send({ do: "unreject", shot: this.shot, take: take.id })
      return
    }
    this.drawTakes()
    this.openWhy(take)
  }

  openWhy(take) {
    const w = this.data.words
    this.why.replaceChildren(make("p", "", w.why.replace("{n}", `v${take.number}`)))
    const row = make("div", "row")
    this.data.reasons.forEach((reason, place) => {
      const button = make("button", "", `${place + 1} ${reason}`)
      button.onclick = () => this.rejectFor(take, reason)
      row.append(button)
    })
    const own = make("input")
    own.placeholder = w.own_reason
    own.setAttribute("aria-label", w.own_reason)
    own.maxLength = 200
    own.onkeydown = (event) => {
      event.stopPropagation()
      if (event.key === "Enter") this.rejectFor(take, own.value.trim())
      if (event.key === "Escape") this.closeWhy()
    }
    const go = make("button", "", `✕ ${w.reject}`)
    go.onclick = () => this.rejectFor(take, own.value.trim())
    const no = make("button", "", w.cancel)
    no.onclick = () => this.closeWhy()
    row.append(own, go, no)
    this.why.append(row)
    this.why.hidden = false
    this.asked = take
  }

  closeWhy() {
    this.why.hidden = true
    this.asked = undefined
  }

  rejectFor(take, reason) {
    take.rejected = reason
    take.chosen = false
    this.closeWhy()
    const next = this.data.takes.findIndex((other) => other.rejected === null)
    if (next >= 0) this.focus = next
    this.drawTakes()
    this.send({ do: "reject", shot: this.shot, take: take.id, reason })
  }

  step(by) {
    const place = this.data.strip.findIndex((shot) => shot.id === this.shot)
    const next = this.data.strip[place + by]
    if (next) this.send({ do: "go", shot: next.id })
  }

  key(event) {
    const target = event.composedPath()[0]
    const typing = target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
    if (typing && target !== this.time) return
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('[role="dialog"]')) return
    const act = this.actOf(event.key)
    // A focused button answers to Space by itself.
    if (!act || (event.key === " " && target instanceof HTMLButtonElement)) return
    event.preventDefault()
    act()
  }

  actOf(key) {
    if (this.asked && /^[1-9]$/.test(key)) {
      const reason = this.data.reasons[Number(key) - 1]
      return reason && (() => this.rejectFor(this.asked, reason))
    }
    if (/^[1-9]$/.test(key)) return () => this.choose(Number(key) - 1)
    return {
      x: () => this.reject(this.focus),
      j: () => this.step(1),
      k: () => this.step(-1),
      " ": () => this.setPlaying(!this.playing),
      arrowleft: () => this.setFocus(this.focus - 1),
      arrowright: () => this.setFocus(this.focus + 1),
      escape: this.asked && (() => this.closeWhy()),
      "?": () => { this.help.open = !this.help.open },
    }[key.toLowerCase()]
  }

  // --- around the takes

  drawBar() {
    const w = this.data.words
    const place = this.data.strip.findIndex((shot) => shot.id === this.shot)
    this.back.textContent = `← ${w.previous}`
    this.on.textContent = `${w.next} →`
    this.back.disabled = place <= 0
    this.on.disabled = place >= this.data.strip.length - 1
    this.toggle.textContent = this.playing ? `❚❚ ${w.pause}` : `▶\uFE0E ${w.play}`
    this.time.setAttribute("aria-label", w.play)
  }

  drawStrip() {
    const w = this.data.words
    this.strip.setAttribute("aria-label", w.strip)
    const nodes = this.data.strip.map((shot) => {
      const button = make("button", shot.id === this.shot ? "here" : "")
      if (shot.picture) {
        const picture = make("img")
        Object.assign(picture, { src: shot.picture, alt: "", loading: "lazy" })
        button.append(picture)
      }
      button.append(make("span", "state", `${shot.waiting ? "○" : "★"} ${shot.number}`))
      button.setAttribute("aria-label", `${shot.number}, ${shot.waiting ? w.waiting : w.chosen}`)
      if (shot.id === this.shot) button.setAttribute("aria-current", "true")
      button.onclick = () => this.send({ do: "go", shot: shot.id })
      return button
    })
    const left = this.strip.scrollLeft
    this.strip.replaceChildren(...nodes)
    this.strip.scrollLeft = left
    if (this.shown !== this.shot) {
      this.shown = this.shot
      const own = this.strip.querySelector(".here")
      if (own) this.strip.scrollLeft = own.offsetLeft - this.strip.offsetLeft - (this.strip.clientWidth - own.offsetWidth) / 2
    }
  }

  drawHelp() {
    const w = this.data.words
    if (this.help.dataset.words === w.keys) return
    this.help.dataset.words = w.keys
    const list = make("dl")
    const keys = [["← →", w.help_takes], ["J K", w.help_shots], ["Space", w.help_play]]
    if (this.data.pickable) keys.unshift(["1–5", w.help_choose], ["X", w.help_reject])
    for (const [key, words] of keys) {
      const term = make("dt")
      for (const one of key.split(" ")) term.append(make("kbd", "", one), " ")
      list.append(term, make("dd", "", words))
    }
    this.help.replaceChildren(make("summary", "", `⌨ ${w.keys}`), list)
  }

  close() {
    document.removeEventListener("keydown", this.onKey)
    clearInterval(this.ticker)
    for (const { video } of this.takes.values()) {
      video.pause()
      video.removeAttribute("src")
      video.load()
    }
    this.root.remove()
  }
}

export default function (component) {
  const { parentElement } = component
  let wall = walls.get(parentElement)
  if (!wall) {
    wall = new Wall(parentElement)
    walls.set(parentElement, wall)
  }
  wall.update(component)
  return () => {
    wall.close()
    walls.delete(parentElement)
  }
}
