// The review room: the takes of one shot side by side, whole and in step, chosen by keys. It knows the shots around, so that the
// next one stands there at once; what was done is sent along until the server has taken it over.
import { Channel, Seams, isTyping, make, name, set, signs, unload } from "./common.js"

// One on the page. It outlives a moment without a place, in which Streamlit puts the component elsewhere: keys that are pressed
// then count as well.
let room
const DRIFT = 0.07
// Seconds of a frame as long as none was measured.
const FRAME = 1 / 24
const SWIPE = 60

class Room {
  constructor() {
    this.channel = new Channel()
    this.root = make("div", "root")
    this.cards = new Map()
    this.done = []
    this.playing = true
    this.goOn = true
    this.focus = 0
    this.build()
    this.onKey = (event) => this.key(event)
    document.addEventListener("keydown", this.onKey)
    this.ticker = setInterval(() => this.keepStep(), 120)
  }

  build() {
    this.head = make("div", "head")
    this.number = make("h2")
    this.words = make("p", "prompt")
    this.spoken = make("p", "spoken")
    this.count = make("span", "count")
    this.meter = make("progress")
    this.shareButton = this.button(() => this.channel.act({ do: "share", shot: this.shot.id }))
    this.shareButton.append("↗", make("span", "words"))
    this.out = this.button(() => this.leave())
    this.out.className = "primary"
    this.head.append(this.number, this.words, this.spoken, this.count, this.meter, this.out, this.shareButton)
    this.wall = make("div", "takes")
    this.wall.onpointermove = (event) => this.wipeTo(event)
    this.wall.addEventListener("touchstart", (event) => { this.touch = event.changedTouches[0] }, { passive: true })
    this.wall.addEventListener("touchend", (event) => this.swiped(event.changedTouches[0]), { passive: true })
    this.end = make("div", "end")
    this.ask = make("div", "ask")
    this.bar = make("div", "bar")
    this.back = this.button(() => this.step(-1))
    this.toggle = this.button(() => this.setPlaying(!this.playing))
    this.time = Object.assign(make("input", "time"), { type: "range", min: 0, max: 1000, value: 0 })
    this.time.oninput = () => this.seek(Number(this.time.value) / 1000)
    this.on = this.button(() => this.step(1))
    this.more = this.button(() => this.oneMore())
    this.reword = this.button(() => this.askPrompt())
    this.undoButton = this.button(() => this.undo())
    this.wipe = this.button(() => this.toggleWipe())
    this.full = this.button(() => this.fullScreen())
    this.seam = this.button(() => this.playSeam())
    this.advance = make("label", "advance")
    const box = Object.assign(make("input"), { type: "checkbox", checked: true })
    box.onchange = () => { this.goOn = box.checked }
    this.advanceWords = make("span")
    this.advance.append(box, this.advanceWords)
    this.helpButton = this.button(() => this.toggleHelp())
    this.bar.append(this.back, this.toggle, this.time, this.on, this.more, this.reword, this.undoButton, this.wipe, this.seam, this.full,
      this.advance, this.helpButton)
    this.strip = make("div", "strip")
    this.strip.setAttribute("role", "group")
    this.help = make("div", "help")
    this.help.hidden = this.ask.hidden = this.end.hidden = true
    this.root.append(this.head, this.wall, this.end, this.ask, this.bar, this.strip, this.help)
  }

  button(act) {
    const button = make("button")
    button.onclick = act
    return button
  }

  update({ data, setTriggerValue }) {
    this.channel.told(data.seen, (acts) => setTriggerValue("acts", { acts }))
    const known = this.shot ? this.shot.takes.map((take) => take.id) : []
    this.data = data
    this.keepPlaces(known)
    for (const act of this.channel.pending) this.apply(act)
    if (this.shot) this.draw()
    // A shot beyond those that were sent has been asked for: they come with the next answer.
    else if (!this.channel.pending.length) this.goTo(data.shot, false)
    this.showTheirs()
  }

  // The best come first; but keys choose by place: of the shot that stands there nothing changes places, and new takes come last.
  keepPlaces(known) {
    const place = ({ id }) => (known.includes(id) ? known.indexOf(id) : known.length)
    this.shot?.takes.sort((one, other) => place(one) - place(other))
  }

  // --- where it stands

  get shot() {
    return this.data && this.data.shots.find((shot) => shot.id === this.current)
  }

  goTo(id, tell = true) {
    const moved = this.current !== id
    this.current = id
    // The server keeps it for the next visit, and sends the shots around it.
    if (moved && tell) this.channel.act({ do: "go", shot: id })
    if (!this.shot) return
    if (moved) {
      this.focus = Math.max(0, this.shot.takes.findIndex((take) => take.rejected === null))
      this.wiping = false
      this.closeAsk()
    }
    this.end.hidden = true
    this.draw()
  }

  step(by) {
    const place = this.data.shots.indexOf(this.shot)
    const next = this.data.shots[place + by]
    if (next) this.goTo(next.id)
  }

  // After a choice: the next shot that waits, round the end; after the last one the way out.
  goOnFrom(shot) {
    const place = this.data.shots.indexOf(shot)
    const after = [...this.data.shots.slice(place + 1), ...this.data.shots.slice(0, place)]
    const next = after.find((other) => waits(other))
    if (next) this.goTo(next.id)
    else if (this.data.next) this.goTo(this.data.next)
    else if (!waits(shot)) {
      this.end.hidden = false
      this.draw()
      this.end.querySelector("button").focus()
    }
  }

  // --- acts: they show before the server has heard of them

  act(act, undo) {
    this.apply(act)
    if (undo) this.done.push(undo)
    this.channel.act(act)
    this.draw()
  }

  apply({ do: done, shot: id, take: takeId, reason, text, instead }) {
    const shot = this.data.shots.find((one) => one.id === id)
    if (!shot) return
    // What somebody else has chosen meanwhile stays.
    if (instead !== undefined && (shot.takes.find((one) => one.chosen)?.id ?? null) !== instead) return
    for (const take of shot.takes) {
      if (done === "choose" || (done === "unchoose" && take.id === takeId)) take.chosen = done === "choose" && take.id === takeId
      if (take.id !== takeId) continue
      if (done === "choose" || done === "unreject") take.rejected = null
      if (done === "reject") Object.assign(take, { rejected: reason, chosen: false })
    }
    if (done === "prompt") shot.prompt = text
    if (done === "more" || done === "prompt") shot.live += 1
  }

  choose(place) {
    const { shot } = this
    const take = shot.takes[place]
    if (!take || !this.data.pickable) return
    const before = shot.takes.find((one) => one.chosen)
    const left = take.chosen ? null : take.id
    const undo = before ? { do: "choose", shot: shot.id, take: before.id, instead: left } : { do: "unchoose", shot: shot.id, take: take.id }
    this.focus = place
    this.closeAsk()
    this.act({ do: take.chosen ? "unchoose" : "choose", shot: shot.id, take: take.id }, undo)
    if (take.chosen && this.goOn) this.goOnFrom(shot)
  }

  reject(place) {
    const { shot } = this
    const take = shot.takes[place]
    if (!take || !this.data.pickable) return
    this.focus = place
    if (take.rejected !== null) this.act({ do: "unreject", shot: shot.id, take: take.id })
    else this.askWhy(take)
  }

  rejectFor(take, reason) {
    const { shot } = this
    this.closeAsk()
    const undo = take.chosen ? { do: "choose", shot: shot.id, take: take.id, instead: null } : { do: "unreject", shot: shot.id, take: take.id }
    this.act({ do: "reject", shot: shot.id, take: take.id, reason }, undo)
    const next = shot.takes.findIndex((other) => other.rejected === null)
    if (next >= 0) this.setFocus(next)
  }

  undo() {
    const act = this.done.pop()
    if (!act) return
    this.goTo(act.shot)
    this.act(act)
  }

  oneMore() {
    if (this.data.pickable) this.act({ do: "more", shot: this.shot.id })
  }

  leave() {
    this.channel.act({ do: "export", shot: this.current })
  }

  // --- questions

  askWhy(take) {
    const w = this.data.words
    const row = make("div", "row")
    this.data.reasons.forEach((reason, place) => {
      const button = make("button", "", `${place + 1} ${reason}`)
      button.onclick = () => this.rejectFor(take, reason)
      row.append(button)
    })
    const own = this.field("input", w.own_reason, "", (text) => this.rejectFor(take, text))
    this.openAsk(w.why.replace("{n}", `v${take.number}`), row, own, `✕ ${w.reject}`, () => this.rejectFor(take, own.value.trim()))
    this.asked = take
  }

  askPrompt({ text, seen } = { text: this.shot.prompt, seen: this.shot.prompt }) {
    const w = this.data.words
    const { shot } = this
    const asked = { shot: shot.id, seen, note: make("p") }
    const save = () => {
      this.closeAsk()
      this.sent = { shot: shot.id, text: area.value.trim(), seen: asked.seen }
      this.act({ do: "prompt", ...this.sent })
    }
    const area = this.field("textarea", w.new_prompt, text, undefined)
    area.onkeydown = (event) => {
      event.stopPropagation()
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save()
      if (event.key === "Escape") this.closeAsk()
    }
    this.openAsk(w.new_prompt, asked.note, area, `${w.prompt_save} · ${shot.price}`, save)
    this.rewording = asked
    area.focus()
  }

  // What somebody else has written meanwhile stands beside what is typed; what the server did not take over is asked for again.
  showTheirs() {
    const { sent } = this
    if (sent && !this.channel.pending.some((act) => act.do === "prompt")) {
      this.sent = undefined
      const shot = this.data.shots.find((one) => one.id === sent.shot)
      if (shot && shot.prompt !== sent.text) {
        this.goTo(shot.id)
        this.askPrompt(sent)
      }
    }
    const asked = this.rewording
    if (!asked || this.shot?.id !== asked.shot || this.shot.prompt === asked.seen) return
    asked.seen = this.shot.prompt
    asked.note.textContent = this.data.words.theirs.replace("{theirs}", asked.seen)
  }

  field(tag, words, value, done) {
    const field = Object.assign(make(tag), { value, placeholder: words, maxLength: tag === "input" ? 200 : 20000 })
    field.setAttribute("aria-label", words)
    field.onkeydown = (event) => {
      event.stopPropagation()
      if (event.key === "Enter") done(field.value.trim())
      if (event.key === "Escape") this.closeAsk()
    }
    return field
  }

  openAsk(title, choices, field, verb, act) {
    const row = make("div", "row")
    const go = make("button", "primary", verb)
    go.onclick = act
    const no = make("button", "", this.data.words.cancel)
    no.onclick = () => this.closeAsk()
    row.append(field, go, no)
    this.ask.replaceChildren(make("p", "", title), choices, row)
    this.ask.hidden = false
    this.draw()
  }

  closeAsk() {
    this.ask.hidden = true
    this.asked = this.rewording = undefined
  }

  // --- playing in step; the longest take is the clock

  videos() {
    return this.shot ? this.shot.takes.map((take) => this.cards.get(take.id)?.video).filter((video) => video?.duration > 0) : []
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
    if (lead) this.seekTo(part * lead.duration)
  }

  seekTo(seconds) {
    for (const video of this.videos()) video.currentTime = Math.max(0, Math.min(seconds, video.duration - 0.03))
    if (this.playing) this.startAll()
  }

  frameStep(by) {
    const lead = this.leader()
    this.setPlaying(false)
    if (!lead) return
    const frame = lead.frame ?? FRAME
    // Into the middle of it: a time at the edge of a frame is rounded to either side.
    this.seekTo((Math.floor(lead.currentTime / frame + 0.01) + by + 0.5) * frame)
  }

  keepStep() {
    const lead = this.data && this.leader()
    if (!lead) return
    if (this.root.getRootNode().activeElement !== this.time) {
      this.time.value = Math.round((1000 * lead.currentTime) / lead.duration)
    }
    if (!this.playing || document.hidden) return
    if (lead.ended) {
      // Seeking takes its time; asking again meanwhile would put it off for ever.
      if (!lead.seeking) this.seekTo(0)
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

  // One take is heard at a time, the one under the pointer; browsers allow it after the first click or key.
  hear(card) {
    for (const one of this.cards.values()) one.video.muted = one !== card || !navigator.userActivation?.hasBeenActive
  }

  // --- comparing two takes in one frame

  toggleWipe(other) {
    const count = this.shot.takes.length
    if (count < 2) return
    const begins = !this.wiping
    this.wiping = begins || other
    this.other = ((begins ? this.focus : this.other) + 1) % count
    if (this.other === this.focus) this.other = (this.other + 1) % count
    this.draw()
  }

  wipeTo(event) {
    if (!this.wiping) return
    const box = this.wall.getBoundingClientRect()
    this.wall.style.setProperty("--wipe", `${(100 * (event.clientX - box.left)) / box.width}%`)
  }

  swiped(touch) {
    if (!this.touch) return
    const [wide, high] = [touch.clientX - this.touch.clientX, touch.clientY - this.touch.clientY]
    if (Math.abs(high) > SWIPE && Math.abs(high) > 2 * Math.abs(wide)) this.step(high < 0 ? 1 : -1)
  }

  // The end of the shot before and the beginning of the take in focus.
  playSeam() {
    const take = this.shot.takes[this.focus]
    if (!this.shot.before || !take) return
    this.seams ??= new Seams(this.root, this.data.words.close)
    if (this.seams.dialog.open) this.seams.dialog.close()
    else this.seams.open([[this.shot.before, take.part]])
  }

  fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen()
    else this.root.requestFullscreen?.().catch(() => {})
  }

  toggleHelp() {
    this.help.hidden = !this.help.hidden
    this.helpButton.setAttribute("aria-expanded", String(!this.help.hidden))
  }

  key(event) {
    const target = event.composedPath()[0]
    if (isTyping(event) && target.type !== "range" && target.type !== "checkbox") return
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('[role="dialog"]') || !this.shot) return
    const act = this.actOf(event.key)
    // A focused button answers to Space by itself.
    if (!act || (event.key === " " && target instanceof HTMLButtonElement)) return
    event.preventDefault()
    act()
  }

  actOf(key) {
    const digit = /^[1-9]$/.test(key) ? Number(key) - 1 : undefined
    if (digit !== undefined && this.asked) {
      const reason = this.data.reasons[digit]
      return reason && (() => this.rejectFor(this.asked, reason))
    }
    if (digit !== undefined) return () => this.choose(digit)
    return {
      x: () => this.reject(this.focus),
      j: () => this.step(1),
      k: () => this.step(-1),
      m: () => this.oneMore(),
      z: () => this.undo(),
      f: () => this.fullScreen(),
      s: () => this.playSeam(),
      a: () => this.toggleWipe(false),
      b: () => this.toggleWipe(true),
      e: this.data.pickable && (() => this.askPrompt()),
      ",": () => this.frameStep(-1),
      ".": () => this.frameStep(1),
      " ": () => this.setPlaying(!this.playing),
      arrowleft: () => this.setFocus(this.focus - 1),
      arrowright: () => this.setFocus(this.focus + 1),
      escape: () => {
        this.closeAsk()
        this.help.hidden = true
        this.wiping = false
        this.draw()
      },
      "?": () => this.toggleHelp(),
    }[key.toLowerCase()]
  }

  setFocus(place) {
    const before = this.focus
    this.focus = Math.max(0, Math.min(this.shot.takes.length - 1, place))
    // Two takes are compared: where the other one is taken into focus, they change places.
    if (this.focus === this.other) this.other = before
    this.drawTakes()
  }

  // --- drawing

  draw() {
    if (!this.shot) return
    const { shot, data } = this
    const w = data.words
    const chosen = data.shots.filter((one) => !waits(one)).length + data.outside
    for (const part of ["textContent", "title"]) set(this.number, part, shot.number)
    set(this.words, "textContent", shot.prompt)
    set(this.words, "title", shot.prompt)
    set(this.spoken, "textContent", shot.line)
    set(this.count, "textContent", `${chosen}/${data.total}`)
    this.count.setAttribute("aria-label", w.progress.replace("{done}", chosen).replace("{total}", data.total))
    Object.assign(this.meter, { max: data.total, value: chosen })
    this.meter.setAttribute("aria-hidden", "true")
    this.out.hidden = chosen < data.total || !this.end.hidden
    set(this.out, "textContent", w.export)
    this.wall.classList.toggle("wiping", Boolean(this.wiping))
    this.drawEnd()
    this.drawTakes()
    this.drawBar()
    this.drawStrip()
    this.drawHelp()
  }

  drawEnd() {
    this.wall.hidden = !this.end.hidden
    if (this.end.childElementCount) return
    const w = this.data.words
    const out = make("button", "primary", w.export)
    out.onclick = () => this.leave()
    const back = make("button", "", w.look_again)
    back.onclick = () => { this.end.hidden = true; this.draw() }
    this.end.append(make("p", "", `★ ${w.all_chosen}`), out, back)
  }

  drawTakes() {
    const wanted = new Set(this.shot.takes.map((take) => take.id))
    for (const [id, card] of this.cards) {
      if (wanted.has(id)) continue
      unload(card.video)
      card.node.remove()
      this.cards.delete(id)
    }
    this.shot.takes.forEach((take, place) => {
      if (!this.cards.has(take.id)) this.cards.set(take.id, this.makeTake(take))
      const card = this.cards.get(take.id)
      // Moving a node would stop its video.
      if (this.wall.children[place] !== card.node) this.wall.insertBefore(card.node, this.wall.children[place] || null)
      this.paintTake(card, take, place)
    })
  }

  makeTake(take) {
    const node = make("article", "take")
    const frame = make("div", "frame")
    const video = Object.assign(make("video"), { muted: true, playsInline: true, preload: "auto", poster: take.poster, src: take.video })
    const card = { node, video, key: make("span", "key"), mark: make("span", "mark"), facts: make("p", "facts"), said: make("div", "said"),
      choose: make("button", "choose"), reject: make("button", "reject"), get: make("a", "get", "↓") }
    frame.append(video, card.key, card.mark)
    const row = make("div", "row")
    if (this.data.pickable) row.append(card.choose, card.reject)
    row.append(card.get)
    card.get.href = take.download
    node.append(frame, card.facts, card.said, row)
    video.oncanplay = () => this.playing && this.startAll()
    measureFrames(video)
    video.onerror = () => { card.facts.textContent = this.data.words.broken }
    frame.onpointerenter = () => this.hear(card)
    frame.onpointerleave = () => this.hear(undefined)
    node.onpointerdown = () => this.setFocus(this.shot.takes.findIndex((one) => one.id === take.id))
    return card
  }

  paintTake(card, take, place) {
    const w = this.data.words
    const looks = { chosen: take.chosen, rejected: take.rejected !== null, focus: place === this.focus, other: place === this.other }
    for (const [look, on] of Object.entries(looks)) card.node.classList.toggle(look, on)
    card.node.setAttribute("aria-label", `v${take.number}`)
    set(card.key, "textContent", `${place < 9 ? place + 1 : `v${take.number}`} ${take.sign}`)
    set(card.mark, "textContent", take.chosen ? `★ ${w.chosen}` : take.rejected !== null ? `✕ ${w.rejected}` : "")
    const facts = [`v${take.number}`, take.rejected, take.facts]
    if (!card.video.error) set(card.facts, "textContent", facts.filter(Boolean).join(" · "))
    set(card.facts, "title", card.facts.textContent)
    this.paintSaid(card, take)
    set(card.choose, "textContent", take.chosen ? w.unchoose : `★ ${w.choose}`)
    card.choose.setAttribute("aria-pressed", String(take.chosen))
    card.choose.onclick = () => this.choose(place)
    set(card.reject, "textContent", take.rejected !== null ? w.unreject : `✕ ${w.reject}`)
    card.reject.onclick = () => this.reject(place)
    name(card.get, `${w.download} v${take.number}`)
  }

  // What reviewers said: their votes, and comments that lead to their moments.
  paintSaid(card, take) {
    const told = JSON.stringify([take.votes, take.comments])
    if (card.told === told) return
    card.told = told
    card.said.hidden = !take.votes.length && !take.comments.length
    card.said.replaceChildren(
      ...take.votes.map((one) => make("span", "", `${one.name} ${signs(one)}`)),
      ...take.comments.map((one) => {
        const chip = make("button", "", `${one.at.toFixed(1)} s ${one.name}: ${one.text}`)
        chip.title = one.text
        chip.onclick = () => { this.setPlaying(false); this.seekTo(one.at) }
        return chip
      }),
    )
  }

  drawBar() {
    const { shot, data } = this
    const w = data.words
    const place = data.shots.indexOf(shot)
    const labels = [
      [this.back, `← ${w.previous}`, "K"], [this.on, `${w.next} →`, "J"],
      [this.toggle, this.playing ? `❚❚ ${w.pause}` : `▶\uFE0E ${w.play}`, "Space"],
      [this.more, `＋ ${w.one_more} · ${shot.price}`, "M"], [this.reword, `✎ ${w.new_prompt}`, "E"],
      [this.undoButton, `↶ ${w.undo}`, "Z"], [this.wipe, `◧ ${w.wipe}`, "A"], [this.full, `⤢ ${w.full}`, "F"],
      [this.seam, `↔ ${w.seam}`, "S"],
      [this.helpButton, "?", w.keys],
    ]
    for (const [node, label, tip] of labels) {
      set(node, "textContent", label)
      set(node, "title", tip)
    }
    // Where the bar is narrow, these show their sign alone.
    for (const node of [this.reword, this.undoButton, this.wipe, this.full, this.seam]) {
      const [sign, ...words] = node.textContent.split(" ")
      node.replaceChildren(sign, make("span", "word", ` ${words.join(" ")}`))
      node.setAttribute("aria-label", words.join(" "))
    }
    if (shot.live) set(this.more, "textContent", `⏳ ${w.coming.replace("{n}", shot.live)} · ＋`)
    this.back.disabled = place <= 0
    this.on.disabled = place >= data.shots.length - 1
    this.undoButton.disabled = !this.done.length
    this.seam.disabled = !shot.before || !shot.takes.length
    this.wipe.disabled = shot.takes.length < 2
    this.wipe.setAttribute("aria-pressed", String(Boolean(this.wiping)))
    for (const node of [this.more, this.reword, this.undoButton, this.shareButton, this.advance]) node.hidden = !data.pickable
    set(this.advanceWords, "textContent", w.go_on)
    name(this.helpButton, w.keys)
    name(this.shareButton, w.share)
    set(this.shareButton.lastChild, "textContent", ` ${w.share}`)
    this.time.setAttribute("aria-label", w.position)
  }

  drawStrip() {
    const w = this.data.words
    this.strip.setAttribute("aria-label", w.strip)
    this.data.shots.forEach((shot, place) => {
      const button = this.strip.children[place] || this.strip.appendChild(this.frameButton())
      const state = waits(shot) ? w.waiting : w.chosen
      button.onclick = () => this.goTo(shot.id)
      if (shot.picture) button.firstChild.src = shot.picture
      else button.firstChild.removeAttribute("src")
      set(button.lastChild, "textContent", `${waits(shot) ? (shot.live ? "⏳" : "○") : "★"} ${shot.number}`)
      button.setAttribute("aria-label", `${shot.number}, ${state}`)
      button.classList.toggle("here", shot.id === this.current)
      if (shot.id === this.current) button.setAttribute("aria-current", "true")
      else button.removeAttribute("aria-current")
    })
    while (this.strip.childElementCount > this.data.shots.length) this.strip.lastChild.remove()
    if (this.shown === this.current) return
    this.shown = this.current
    const own = this.strip.querySelector(".here")
    if (own) this.strip.scrollLeft = own.offsetLeft - this.strip.offsetLeft - (this.strip.clientWidth - own.offsetWidth) / 2
  }

  frameButton() {
    const button = make("button")
    button.append(Object.assign(make("img"), { alt: "", loading: "lazy" }), make("span", "state"))
    return button
  }

  drawHelp() {
    const w = this.data.words
    if (this.help.dataset.words === w.keys) return
    this.help.dataset.words = w.keys
    const keys = [["← →", w.help_takes], ["J K", w.help_shots], ["Space", w.help_play], [", .", w.help_frames], ["A B", w.help_wipe],
      ["F", w.full], ["S", w.help_seam], ["?", w.keys]]
    if (this.data.pickable) {
      keys.unshift(["1–5", w.help_choose], ["X", w.help_reject], ["M", w.one_more], ["E", w.new_prompt], ["Z", w.undo])
    }
    const list = make("dl")
    for (const [key, words] of keys) {
      const term = make("dt")
      for (const one of key.split(" ")) term.append(make("kbd", "", one), " ")
      list.append(term, make("dd", "", words))
    }
    this.help.setAttribute("role", "note")
    this.help.replaceChildren(make("b", "", w.keys), list)
  }

  close() {
    document.removeEventListener("keydown", this.onKey)
    clearInterval(this.ticker)
    this.channel.close()
    for (const { video } of this.cards.values()) unload(video)
    this.root.remove()
  }
}

// Keeps the seconds of a frame of a video in it: the shortest time between two frames that were shown.
function measureFrames(video) {
  let before
  const shown = (_, { mediaTime }) => {
    const gone = mediaTime - before
    if (gone > 0.005) video.frame = Math.min(gone, video.frame ?? gone)
    before = mediaTime
    video.requestVideoFrameCallback(shown)
  }
  video.requestVideoFrameCallback?.(shown)
}

function waits(shot) {
  return !shot.takes.some((take) => take.chosen)
}

export default function (component) {
  const { parentElement } = component
  room ??= new Room()
  clearTimeout(room.leaving)
  if (room.root.parentNode !== parentElement) parentElement.append(room.root)
  room.update(component)
  return () => {
    if (room.root.parentNode !== parentElement) return
    room.leaving = setTimeout(() => {
      room.close()
      room = undefined
    }, 1000)
  }
}
