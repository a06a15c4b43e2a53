// The shots of a project as a wall of frames that can be dragged into order and played as stills. A move shows at once.
import { Channel, Seams, isTyping, make, mounted, name } from "./common.js"

// Pixels a mouse moves before a press is a drag; milliseconds a finger rests before it is one.
const SLACK = 6
const REST = 320
// Pixels from the edge of the window within which the page scrolls under a drag.
const EDGE = 70

function clock(seconds) {
  const whole = Math.floor(seconds + 0.001)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`
}

function scrollerOf(node) {
  for (let at = node; at; at = at.parentNode || at.host) {
    if (at instanceof Element && /auto|scroll/.test(getComputedStyle(at).overflowY) && at.scrollHeight > at.clientHeight) return at
  }
  return document.scrollingElement
}

const fill = (words, values) => words.replace(/\{(\w+)\}/g, (_, name) => values[name])

class Board {
  constructor(parent) {
    this.root = make("div", "root")
    parent.appendChild(this.root)
    this.cells = new Map()
    this.channel = new Channel()
    this.bar = make("div", "bar")
    this.sum = make("span", "sum")
    this.playButton = make("button", "go")
    this.undoButton = make("button")
    this.bar.append(this.sum, this.undoButton, this.playButton)
    this.list = make("ol", "frames")
    this.hint = make("p", "hint")
    this.hint.id = "hint"
    this.said = make("div", "hidden")
    this.said.setAttribute("role", "status")
    this.chains = make("ul", "chains")
    this.root.append(this.bar, this.chains, this.list, this.hint, this.said)
    this.player = new Player(this)
    this.playButton.onclick = () => this.player.open(this.order[0])
    this.undoButton.onclick = () => this.channel.act({ do: "undo" })
    this.list.onpointerdown = (event) => this.press(event)
    this.list.onkeydown = (event) => this.key(event)
    // Only a listener that may refuse keeps the page from scrolling under a finger that drags.
    this.onTouch = (event) => this.drag && event.preventDefault()
    this.list.addEventListener("touchmove", this.onTouch, { passive: false })
    this.list.oncontextmenu = (event) => { if (this.drag || this.touching) event.preventDefault() }
    this.onMove = (event) => this.move(event)
    this.onUp = (event) => this.release(event)
    this.onKey = (event) => this.anyKey(event)
    document.addEventListener("keydown", this.onKey)
  }

  update({ data, setTriggerValue }) {
    this.data = data
    this.channel.told(data.seen, (acts) => setTriggerValue("acts", { acts }))
    this.seams ??= new Seams(this.root, data.words.close)
    this.shots = new Map(data.frames.map((frame) => [frame.id, frame]))
    this.order = data.frames.map((frame) => frame.id)
    for (const act of this.channel.pending) if (act.do === "move") this.put(act.shot, act.before)
    if (this.held && !this.shots.has(this.held.id)) this.held = undefined
    if (this.held) this.put(this.held.id, this.held.before)
    this.draw()
    this.player.update()
  }

  // --- acts

  put(id, before) {
    this.order = this.order.filter((other) => other !== id)
    // What is not on this wall stands behind it.
    const place = this.order.indexOf(before)
    this.order.splice(place < 0 ? this.order.length : place, 0, id)
  }

  after(id) {
    const next = this.order[this.order.indexOf(id) + 1]
    return next === undefined ? this.data.behind : next
  }

  moveTo(id, before) {
    if (before === id || before === this.after(id)) return
    this.put(id, before)
    this.channel.act({ do: "move", shot: id, before })
    this.here = this.refocus = id
    this.draw()
    this.tell("moved", id)
  }

  tell(name, id) {
    const shot = this.shots.get(id)
    this.said.textContent = fill(this.data.words[name], {
      shot: shot.number, place: this.order.indexOf(id) + 1, total: this.order.length,
    })
  }

  // --- drawing

  draw() {
    const w = this.data.words
    this.sum.textContent = this.data.sum
    this.playButton.textContent = `▶\uFE0E ${w.play}`
    this.undoButton.textContent = `↶ ${w.undo}`
    this.undoButton.hidden = !this.data.undo
    this.root.classList.toggle("still", !this.data.movable)
    this.hint.textContent = this.data.movable ? w.hint : ""
    this.list.setAttribute("aria-label", w.wall)
    this.list.style.setProperty("--ratio", this.data.ratio)
    for (const [id, cell] of this.cells) {
      if (!this.shots.has(id)) {
        cell.node.remove()
        this.cells.delete(id)
      }
    }
    this.drawChains()
    this.order.forEach((id, place) => {
      if (!this.cells.has(id)) this.cells.set(id, this.makeCell(id))
      const { node } = this.cells.get(id)
      const stands = this.list.children[place]
      // Of one frame that went forward only that one is taken up, not all that close the gap.
      if (stands && stands !== node && stands.nextSibling === node) stands.remove()
      else if (stands !== node) this.list.insertBefore(node, stands || null)
      this.paint(this.cells.get(id), this.shots.get(id), place)
    })
    if (!this.cells.has(this.here)) this.here = this.order[0]
    for (const [id, cell] of this.cells) cell.frame.tabIndex = id === this.here ? 0 : -1
    if (this.refocus !== undefined) {
      const cell = this.cells.get(this.refocus)
      this.refocus = undefined
      if (cell) cell.frame.focus()
    }
  }

  // --- chains: a row with its line of sharpness for each, which plays its joins

  drawChains() {
    this.chains.replaceChildren(...this.data.chains.map((chain) => {
      const row = make("li", "chain")
      const play = make("button", "", "▶\uFE0E")
      const line = make("span", "line")
      const joins = chain.shots.map((id, place) => [this.shots.get(chain.shots[place - 1])?.part, this.shots.get(id)?.part])
        .filter(([before, after]) => before && after)
      name(play, joins.length ? this.data.words.seams : this.data.words.no_seam)
      play.disabled = !joins.length
      play.onclick = () => this.seams.open(joins)
      const most = Math.max(1, ...chain.line)
      const points = chain.line.map((value, place) => `${(place * 80) / Math.max(1, chain.line.length - 1)},${18 - (value / most) * 16}`)
      if (points.length > 1) line.innerHTML = `<svg viewBox="0 0 80 20" role="img"><polyline points="${points.join(" ")}"/></svg>`
      if (chain.measured) name(line.firstChild ?? line, chain.measured)
      row.append(play, make("span", "", `⛓\uFE0E ${chain.words}`), line, make("span", "stale", chain.stale ? `↻ ${chain.stale}` : ""))
      return row
    }))
    this.chains.hidden = !this.data.chains.length
  }

  // A press links a shot to the one before it or unlinks it; dragged onto another frame it goes on from that one.
  linkFrom(event, id) {
    const [join, x, y] = [event.currentTarget, event.clientX, event.clientY]
    if (event.button !== 0) return
    let onto = null
    const under = (at) => this.root.getRootNode().elementFromPoint(at.clientX, at.clientY)?.closest(".cell")
    const show = (cell) => {
      onto?.classList.remove("onto")
      onto = cell && Number(cell.dataset.shot) !== id ? cell : null
      onto?.classList.add("onto")
    }
    join.setPointerCapture(event.pointerId)
    join.onpointermove = (move) => show(under(move))
    join.onlostpointercapture = () => {
      show(null)
      join.onpointermove = join.onpointerup = join.onlostpointercapture = null
    }
    join.onpointerup = (up) => {
      show(under(up))
      if (onto) this.channel.act({ do: "link", shot: id, after: Number(onto.dataset.shot) })
      else if (Math.hypot(up.clientX - x, up.clientY - y) < SLACK) this.join(id)
    }
  }

  join(id) {
    this.channel.act({ do: this.shots.get(id).follows ? "unlink" : "link", shot: id })
  }

  makeCell(id) {
    const node = make("li", "cell")
    const frame = make("div", "frame")
    const picture = make("div", "picture")
    const number = make("span", "number")
    const facts = make("span", "facts")
    const words = make("p", "words")
    const line = make("div", "line")
    const play = make("button", "", "▶\uFE0E")
    const join = make("button", "join", "⛓\uFE0E")
    const stale = make("span", "stale")
    node.dataset.shot = id
    frame.setAttribute("role", "button")
    frame.setAttribute("aria-describedby", "hint")
    play.tabIndex = -1
    play.onclick = () => this.player.open(id)
    join.tabIndex = -1
    join.onpointerdown = (event) => this.linkFrom(event, id)
    // By keyboard, or by a program that reads the screen: no pointer was down.
    join.onclick = (event) => { if (event.detail === 0) this.join(id) }
    line.append(number, stale, facts)
    frame.append(picture, line, words)
    frame.onfocus = () => this.stand(id)
    frame.ondblclick = () => this.player.open(id)
    node.append(frame, play, join)
    return { node, frame, picture, number, facts, words, play, join, stale }
  }

  paint(cell, shot, place) {
    const w = this.data.words
    const told = `${shot.number}|${shot.picture}|${shot.words}|${shot.facts}|${shot.script}|${w.frame}|${place}|${this.data.movable}|${shot.follows}|${shot.stale}`
    cell.node.classList.toggle("held", Boolean(this.held) && this.held.id === shot.id)
    if (cell.told === told) return
    cell.told = told
    if (cell.shown !== shot.picture) {
      cell.shown = shot.picture
      const image = shot.picture ? Object.assign(make("img"), { loading: "lazy", decoding: "async", draggable: false, alt: "" }) : null
      if (image) image.src = shot.picture
      cell.picture.replaceChildren(...(image ? [image] : ["▢"]))
    }
    cell.number.textContent = shot.number
    cell.facts.textContent = `#${place + 1} · ${shot.facts}`
    cell.words.textContent = shot.words
    cell.words.classList.toggle("prompt", !shot.script)
    if (this.data.movable) cell.frame.setAttribute("aria-roledescription", w.movable)
    else cell.frame.removeAttribute("aria-roledescription")
    cell.frame.setAttribute("aria-label", fill(w.frame, { shot: shot.number, place: place + 1, total: this.order.length, words: shot.words }))
    const before = this.shots.get(shot.follows)
    cell.join.hidden = !this.data.movable || (place === 0 && !shot.follows)
    cell.join.classList.toggle("on", Boolean(shot.follows))
    name(cell.join, fill(shot.follows ? w.unlink : w.link, { shot: shot.number, before: before ? before.number : "" }))
    cell.stale.textContent = shot.stale ? "↻" : ""
    cell.stale.title = shot.stale
    name(cell.play, fill(w.play_from, { shot: shot.number }))
  }

  stand(id) {
    const before = this.cells.get(this.here)
    if (before) before.frame.tabIndex = -1
    this.here = id
    this.cells.get(id).frame.tabIndex = 0
  }

  // --- dragging, by mouse, pen and finger

  press(event) {
    const frame = event.target.closest(".frame")
    if (!frame || event.button !== 0 || !this.data.movable || this.start) return
    const id = Number(frame.parentNode.dataset.shot)
    this.start = { id, frame, pointer: event.pointerId, x: event.clientX, y: event.clientY }
    this.touching = event.pointerType === "touch"
    if (this.touching) this.resting = setTimeout(() => this.lift(this.start.x, this.start.y), REST)
    window.addEventListener("pointermove", this.onMove)
    window.addEventListener("pointerup", this.onUp)
    window.addEventListener("pointercancel", this.onUp)
  }

  lift(x, y) {
    const { frame, id } = this.start
    if (this.held) this.letGo(false)
    const box = frame.getBoundingClientRect()
    const dragged = frame.cloneNode(true)
    dragged.classList.add("dragged")
    dragged.removeAttribute("role")
    dragged.setAttribute("aria-hidden", "true")
    Object.assign(dragged.style, { width: `${box.width}px`, height: `${box.height}px` })
    this.root.append(dragged)
    frame.parentNode.classList.add("lifted")
    this.drag = { id, dragged, dx: this.start.x - box.left, dy: this.start.y - box.top, scroller: scrollerOf(this.root) }
    if (this.touching && navigator.vibrate) navigator.vibrate(15)
    this.follow(x, y)
    this.scrolling = setInterval(() => this.scrollUnder(), 16)
  }

  move(event) {
    if (!this.start || event.pointerId !== this.start.pointer) return
    const far = Math.hypot(event.clientX - this.start.x, event.clientY - this.start.y)
    if (!this.drag && this.touching && far > SLACK) {
      // A finger that moves at once scrolls.
      this.end()
      return
    }
    if (!this.drag && far > SLACK) this.lift(event.clientX, event.clientY)
    if (this.drag) this.follow(event.clientX, event.clientY)
  }

  follow(x, y) {
    const { dragged, dx, dy } = this.drag
    Object.assign(this.drag, { x, y })
    Object.assign(dragged.style, { left: `${x - dx}px`, top: `${y - dy}px` })
    this.mark(this.gapAt(x, y))
  }

  scrollUnder() {
    const { y, scroller } = this.drag
    const up = Math.min(0, y - EDGE)
    const down = Math.max(0, y - (window.innerHeight - EDGE))
    if (!up && !down) return
    scroller.scrollTop += Math.max(-24, Math.min(24, (up + down) / 3))
    this.mark(this.gapAt(this.drag.x, y))
  }

  // The frame before which a point lies: that of its row which begins right of it, after the last what stands behind.
  gapAt(x, y) {
    const found = this.order.map((id) => ({ id, box: this.cells.get(id).node.getBoundingClientRect() }))
    const row = found.filter(({ box }) => y <= box.bottom + 6)
    if (!row.length) return { before: this.data.behind, mark: found[found.length - 1].id }
    const top = row[0].box.top
    const cells = row.filter(({ box }) => box.top <= top + 1)
    const next = cells.find(({ box }) => x < box.left + box.width / 2)
    if (next) return { before: next.id }
    const last = cells[cells.length - 1].id
    return { before: this.after(last), mark: last }
  }

  mark(gap) {
    if (this.marked) this.marked.classList.remove("before", "after")
    this.drag.gap = gap
    this.marked = this.cells.get(gap.mark === undefined ? gap.before : gap.mark).node
    this.marked.classList.add(gap.mark === undefined ? "before" : "after")
  }

  release(event) {
    if (!this.start || event.pointerId !== this.start.pointer) return
    const drag = event.type === "pointerup" ? this.drag : undefined
    this.end()
    if (drag && drag.gap) this.moveTo(drag.id, drag.gap.before)
  }

  end() {
    clearTimeout(this.resting)
    clearInterval(this.scrolling)
    if (this.marked) this.marked.classList.remove("before", "after")
    if (this.drag) {
      this.drag.dragged.remove()
      this.start.frame.parentNode.classList.remove("lifted")
    }
    this.drag = this.start = this.marked = undefined
    this.touching = false
    window.removeEventListener("pointermove", this.onMove)
    window.removeEventListener("pointerup", this.onUp)
    window.removeEventListener("pointercancel", this.onUp)
  }

  // --- by keyboard: Space lifts, arrows carry, Space puts down, Escape takes it back

  key(event) {
    const cell = event.target.closest(".frame")
    if (!cell || event.ctrlKey || event.metaKey || event.altKey) return
    const id = Number(cell.parentNode.dataset.shot)
    const act = this.held ? this.carrying(event.key) : this.moving(event.key, id)
    if (!act) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  moving(key, id) {
    const step = this.stepOf(key)
    if (step !== undefined) return () => this.focusAt(this.order.indexOf(id) + step)
    if (key === " " && this.data.movable) return () => this.grasp(id)
    if (key === "l" && this.data.movable) return () => this.join(id)
    return { Enter: () => this.player.open(id), p: () => this.player.open(id) }[key]
  }

  carrying(key) {
    const step = this.stepOf(key)
    if (step !== undefined) return () => this.carry(step)
    return { " ": () => this.letGo(true), Enter: () => this.letGo(true), Escape: () => this.letGo(false), Tab: () => this.letGo(true) }[key]
  }

  stepOf(key) {
    const row = Math.max(1, getComputedStyle(this.list).gridTemplateColumns.split(" ").length)
    return {
      ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row, PageUp: -5 * row, PageDown: 5 * row, Home: -Infinity, End: Infinity,
    }[key]
  }

  focusAt(place) {
    const id = this.order[Math.max(0, Math.min(this.order.length - 1, place))]
    this.cells.get(id).frame.focus()
  }

  grasp(id) {
    this.held = { id, before: this.after(id), from: this.after(id) }
    this.draw()
    this.tell("lifted", id)
  }

  carry(step) {
    const { id } = this.held
    const others = this.order.filter((other) => other !== id)
    const place = Math.max(0, Math.min(others.length, this.order.indexOf(id) + step))
    this.held.before = place < others.length ? others[place] : this.data.behind
    this.put(id, this.held.before)
    this.refocus = id
    this.draw()
    this.tell("carried", id)
  }

  letGo(keep) {
    const { id, before, from } = this.held
    this.held = undefined
    this.put(id, from)
    this.refocus = id
    if (keep && before !== from) this.moveTo(id, before)
    else {
      this.draw()
      this.tell("put_back", id)
    }
  }

  anyKey(event) {
    if (isTyping(event) || document.querySelector('[role="dialog"]') || this.player.dialog.open) return
    const undo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z"
    if (undo && this.data.undo && !this.held) {
      event.preventDefault()
      this.channel.act({ do: "undo" })
    }
    if (event.key === "Escape" && this.drag) this.end()
  }

  close() {
    this.end()
    this.player.close()
    this.channel.close()
    document.removeEventListener("keydown", this.onKey)
    this.root.remove()
  }
}

// The frames as stills, each for its seconds, with its line of the script.
class Player {
  constructor(board) {
    this.board = board
    this.dialog = make("dialog")
    this.stage = make("div", "stage")
    this.caption = make("p", "caption")
    this.caption.setAttribute("aria-live", "polite")
    this.controls = make("div", "controls")
    this.back = make("button", "", "❙◀\uFE0E")
    this.toggle = make("button", "go")
    this.on = make("button", "", "▶\uFE0E❙")
    this.time = make("input", "time")
    Object.assign(this.time, { type: "range", min: 0, step: "any", value: 0 })
    this.clock = make("span", "clock")
    this.shut = make("button", "", "✕")
    this.controls.append(this.back, this.toggle, this.on, this.time, this.clock, this.shut)
    this.dialog.append(this.stage, this.caption, this.controls)
    board.root.append(this.dialog)
    this.back.onclick = () => this.step(-1)
    this.on.onclick = () => this.step(1)
    this.toggle.onclick = () => this.setPlaying(!this.playing)
    this.shut.onclick = () => this.dialog.close()
    this.time.oninput = () => this.seek(Number(this.time.value))
    this.dialog.onclose = () => this.closed()
    this.dialog.onkeydown = (event) => this.key(event)
    this.stage.onpointerdown = (event) => { this.swipe = event.clientX }
    this.stage.onpointerup = (event) => this.swiped(event.clientX - this.swipe)
    this.stage.onpointercancel = () => { this.swipe = undefined }
  }

  // Keeps what is shown while the list changes around it.
  update() {
    const shown = this.frames && this.frames[this.place]
    this.frames = this.board.order.map((id) => this.board.shots.get(id))
    this.begins = []
    let end = 0
    for (const frame of this.frames) {
      this.begins.push(end)
      end += frame.seconds
    }
    this.length = end
    const w = this.board.data.words
    for (const [button, words] of [[this.back, w.previous], [this.on, w.next], [this.shut, w.close]]) name(button, words)
    this.time.setAttribute("aria-label", w.position)
    this.dialog.setAttribute("aria-label", w.play)
    this.time.max = this.length
    this.board.playButton.disabled = !this.frames.length
    if (!this.dialog.open) return
    if (!this.frames.length) return this.dialog.close()
    const place = this.frames.findIndex((frame) => frame.id === (shown && shown.id))
    const within = this.at - this.from
    this.place = Math.max(0, Math.min(this.frames.length - 1, place < 0 ? this.place : place))
    this.from = this.begins[this.place]
    this.at = Math.min(this.from + within, this.from + this.frames[this.place].seconds)
    this.show()
  }

  open(id) {
    this.place = Math.max(0, this.frames.findIndex((frame) => frame.id === id))
    this.from = this.at = this.begins[this.place]
    this.dialog.showModal()
    this.toggle.focus()
    this.show()
    this.setPlaying(true)
  }

  setPlaying(playing) {
    if (playing && this.at >= this.length) this.seek(0)
    this.playing = playing
    this.toggle.textContent = playing ? "❚❚" : "▶\uFE0E"
    this.toggle.setAttribute("aria-label", playing ? this.board.data.words.pause : this.board.data.words.play)
    cancelAnimationFrame(this.ticking)
    if (!playing) return
    let last = performance.now()
    const tick = (now) => {
      this.at += Math.max(0, now - last) / 1000
      last = now
      this.follow()
      if (this.playing) this.ticking = requestAnimationFrame(tick)
    }
    this.ticking = requestAnimationFrame(tick)
  }

  follow() {
    if (this.at >= this.length) {
      this.at = this.length
      this.setPlaying(false)
    }
    const place = this.placeOf(this.at)
    if (place !== this.place) {
      this.place = place
      this.show()
    }
    this.drawTime()
  }

  placeOf(at) {
    const after = this.begins.findIndex((begin) => begin > at)
    return (after < 0 ? this.frames.length : after) - 1
  }

  seek(at) {
    this.at = Math.max(0, Math.min(this.length, at))
    this.place = this.placeOf(Math.min(this.at, this.length - 0.001))
    this.show()
  }

  step(by) {
    // The first press of *back* goes to the beginning of the frame that is shown.
    const within = this.at - this.begins[this.place]
    const place = by < 0 && this.playing && within > 1 ? this.place : this.place + by
    if (place >= this.frames.length) return this.seek(this.length)
    this.seek(this.begins[Math.max(0, place)])
  }

  swiped(far) {
    if (this.swipe === undefined || !this.dialog.open) return
    this.swipe = undefined
    if (Math.abs(far) > 50) this.step(far < 0 ? 1 : -1)
    else this.setPlaying(!this.playing)
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.key === "Escape" || event.key === "Tab") return
    const target = event.composedPath()[0]
    // Streamlit's own shortcuts wait while the film runs.
    event.stopPropagation()
    if (event.key === " " && target instanceof HTMLButtonElement) return
    const act = {
      " ": () => this.setPlaying(!this.playing), k: () => this.setPlaying(!this.playing),
      ArrowLeft: () => this.step(-1), ArrowRight: () => this.step(1),
      Home: () => this.seek(0), End: () => this.seek(this.length),
    }[event.key]
    if (!act) return
    event.preventDefault()
    act()
  }

  show() {
    const frame = this.frames[this.place]
    this.from = this.begins[this.place]
    const told = `${frame.id}|${frame.large}|${frame.words}|${frame.number}|${this.place}|${this.frames.length}`
    if (this.told !== told) {
      this.told = told
      const picture = frame.large ? Object.assign(make("img"), { src: frame.large, alt: frame.words || frame.number }) : make("div", "blank", frame.number)
      this.stage.replaceChildren(picture, make("span", "count", `${frame.number} · ${this.place + 1} / ${this.frames.length}`))
      this.caption.textContent = frame.words
      this.caption.classList.toggle("prompt", !frame.script)
      // The next ones come from the cache when their time is there.
      this.ahead = this.frames.slice(this.place + 1, this.place + 3).filter((next) => next.large)
        .map((next) => Object.assign(new Image(), { src: next.large }))
    }
    this.drawTime()
  }

  drawTime() {
    this.time.value = this.at
    this.time.setAttribute("aria-valuetext", clock(this.at))
    this.clock.textContent = `${clock(this.at)} / ${clock(this.length)}`
  }

  closed() {
    this.setPlaying(false)
    this.told = undefined
    this.stage.replaceChildren()
    const shown = this.frames[this.place]
    const cell = shown && this.board.cells.get(shown.id)
    if (cell) cell.frame.focus()
  }

  close() {
    cancelAnimationFrame(this.ticking)
    this.playing = false
  }
}

export default mounted(Board)
