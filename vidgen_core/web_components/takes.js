// The heads and the takes of all cards of a page. Every card has a place for its own; one more component, which draws nothing, is
// told what stands in all of them and carries back what is done there.
// An act shows at once.
import { Channel, make, mounted, name, openMenu, set, unload } from "./common.js"

const places = new Map()
const heads = new Set()
const channel = new Channel()
// The slot that plays: one on the page.
let playing

const at = (path) => `${channel.data.below}${path}`
const iconOf = (sign) => at(`/app/static/media/icon/${sign}.svg?v=2`)

// --- what is told, and what is done

function told({ data, setTriggerValue }) {
  channel.told(data.seen, (acts) => setTriggerValue("acts", { acts }))
  channel.data = data
  for (const shot of data.shots) for (const take of shot.takes) foresee(take)
  for (const part of [...places.values(), ...heads]) part.draw()
}

function act(what) {
  channel.act(what)
  for (const shot of channel.data.shots) for (const take of shot.takes) foresee(take)
  for (const part of [...places.values(), ...heads]) part.draw()
}

// A choice that is on its way shows already.
function foresee(take) {
  for (const { do: done, take: id, others } of channel.pending) {
    if (done === "choose" && take.take) take.chosen = take.take === id || (take.chosen && !others.includes(take.take))
    if (done === "unchoose" && take.take === id) take.chosen = false
  }
}

// --- the place of one shot

class Place {
  constructor(parent, shot) {
    this.shot = shot
    this.root = make("div", "root")
    this.line = make("p", "facts line")
    this.options = make("span")
    this.summary = make("span")
    this.line.append(this.options, this.summary)
    this.pictures = make("div", "slots")
    this.takes = make("div", "slots")
    this.more = Object.assign(make("button", "more"), { hidden: true })
    this.more.onclick = () => act({ do: "show_all", shot: this.shot })
    this.none = make("p", "none")
    this.strip = make("div", "strip")
    this.strip.append(this.none, this.pictures, this.takes, this.more)
    this.root.append(this.line, this.strip)
    this.slots = new Map()
    parent.append(this.root)
    this.draw()
  }

  describe(words) {
    set(this.options, "textContent", words)
  }

  draw() {
    const data = channel.data && channel.data.shots.find((shot) => shot.id === this.shot)
    if (!data) return
    this.number = data.number
    const none = !data.takes.length && !data.pictures.length
    set(this.summary, "textContent", none ? "" : ` · ${data.summary}`)
    this.none.hidden = !none
    set(this.none, "textContent", none ? data.summary : "")
    const slots = new Map()
    this.fill(this.pictures, data.pictures, slots)
    this.fill(this.takes, data.takes, slots)
    for (const [label, slot] of this.slots) if (!slots.has(label)) slot.close()
    this.slots = slots
    this.more.hidden = !data.more
    set(this.more, "textContent", data.more || "")
  }

  fill(row, wanted, slots) {
    row.hidden = !wanted.length
    wanted.forEach((data, index) => {
      const slot = this.slots.get(data.label) || new Slot(this)
      slots.set(data.label, slot)
      slot.paint(data)
      // Moving a node would stop its video.
      if (row.children[index] !== slot.node) row.insertBefore(slot.node, row.children[index] || null)
    })
  }

  close() {
    for (const slot of this.slots.values()) slot.close()
    this.root.remove()
  }
}

// --- one take: how it stands, with its menu, and what there is to see of it

class Slot {
  constructor(place) {
    this.place = place
    this.node = make("article", "slot")
    this.head = make("button", "head")
    this.label = make("b")
    this.state = make("span", "state")
    this.head.append(this.label, " ", this.state, make("span", "arrow"))
    this.head.setAttribute("aria-haspopup", "menu")
    this.head.setAttribute("aria-expanded", "false")
    this.head.onclick = (event) => this.openMenu(event)
    this.node.append(this.head)
  }

  paint(data) {
    const [sign, words, colour] = channel.data.words.states[data.state]
    set(this.label, "textContent", data.label)
    set(this.state, "textContent", `${sign} ${words}`)
    set(this.state, "className", `state ${colour}`)
    name(this.head, `${data.label} ${words}. ${this.say("menu")}`)
    this.node.setAttribute("aria-label", `${data.label} ${words}`)
    const shape = `${data.kind}${data.take || ""}`
    if (this.shape !== shape) this.build(shape, data)
    this.data = data
    this[data.kind](data)
  }

  // A sentence about this take.
  say(sentence) {
    return channel.data.words[sentence].replace("{n}", this.label.textContent.slice(1)).replace("{shot}", this.place.number)
  }

  build(shape, data) {
    this.shape = shape
    this.stop()
    if (this.body) this.body.remove()
    this.body = make("div", "body")
    this.node.append(this.body)
    this[`build_${data.kind}`](data)
  }

  // --- under way

  build_under_way() {
    this.picture = make("img")
    this.bar = make("div", "bar")
    this.bar.setAttribute("role", "progressbar")
    this.bar.setAttribute("aria-valuemin", "0")
    this.bar.setAttribute("aria-valuemax", "100")
    this.bar.append(make("span"))
    this.facts = make("p", "facts")
    this.yes = make("button", "step")
    this.yes.onclick = () => act({ do: "confirm", task: this.data.task })
    this.body.append(this.picture, this.bar, this.facts, this.yes)
  }

  under_way(data) {
    show(this.picture, at(data.picture), this.say("waiting"))
    this.bar.hidden = data.percent === null
    this.bar.setAttribute("aria-valuenow", data.percent)
    this.bar.setAttribute("aria-label", this.node.getAttribute("aria-label"))
    this.bar.firstChild.style.width = `${data.percent || 0}%`
    set(this.facts, "textContent", data.facts)
    this.yes.hidden = !data.confirm
    set(this.yes, "textContent", channel.data.words.confirm_price)
  }

  // --- waits for a person, or ended without a video

  build_ended() {
    this.why = make("p", "facts")
    this.steps = make("div", "steps")
    this.body.append(this.why, this.steps)
  }

  ended(data) {
    set(this.why, "textContent", data.why)
    const told = JSON.stringify([data.task, data.steps])
    if (this.told === told) return
    this.told = told
    this.steps.replaceChildren(...data.steps.map(([step, words]) => {
      const button = make("button", "step", words)
      button.dataset.step = step
      button.onclick = () => {
        // One click, one job: the next one is offered by the server again.
        button.disabled = true
        act({ do: "step", task: data.task, name: step })
        setTimeout(() => { button.disabled = false }, 1500)
      }
      return button
    }))
  }

  // --- finished

  build_finished(data) {
    this.frame = make("div", "frame")
    this.frame.style.aspectRatio = data.ratio
    this.picture = make("img")
    this.frame.append(this.picture)
    this.row = make("div", "row")
    this.play = make("button", "sign play")
    this.star = make("button", "sign choose")
    this.get = make("a", "sign get")
    for (const node of [this.play, this.star, this.get]) node.append(Object.assign(make("img"), { alt: "" }))
    this.play.onclick = () => (playing === this ? this.stop() : this.start())
    this.star.onclick = () => this.choose()
    this.row.append(this.play, this.star, this.get)
    this.warnings = make("div", "warnings")
    this.body.append(this.frame, this.row, this.warnings)
  }

  finished(data) {
    const w = channel.data.words
    show(this.picture, at(data.poster), this.say("poster"))
    this.row.hidden = !data.video
    this.star.hidden = !data.choosable
    this.drawPlay()
    name(this.star, data.chosen ? w.unchoose : w.choose)
    this.star.setAttribute("aria-pressed", String(data.chosen))
    set(this.star.firstChild, "src", iconOf(data.chosen ? "star-filled" : "star"))
    name(this.get, w.download)
    this.get.href = data.download ? at(data.download) : ""
    set(this.get.firstChild, "src", iconOf("download"))
    const told = data.warnings.join("\n")
    if (this.told !== told) {
      this.told = told
      this.warnings.replaceChildren(...data.warnings.map((warning) => Object.assign(make("p", "facts", `⚠ ${warning}`), { title: warning })))
    }
    if (!data.video) this.stop()
  }

  choose() {
    const { take, chosen } = this.data
    const shot = channel.data.shots.find((one) => one.id === this.place.shot)
    act({ do: chosen ? "unchoose" : "choose", take, others: shot.takes.map((other) => other.take) })
  }

  drawPlay() {
    const w = channel.data.words
    name(this.play, playing === this ? w.stop_playing : w.play)
    set(this.play.firstChild, "src", iconOf(playing === this ? "stop" : "play"))
  }

  start() {
    if (playing) playing.stop()
    playing = this
    this.video = make("video")
    this.video.setAttribute("aria-label", this.say("video"))
    Object.assign(this.video, { controls: true, loop: true, autoplay: true, playsInline: true, src: at(this.data.video) })
    this.video.poster = this.picture.src
    this.frame.append(this.video)
    this.drawPlay()
  }

  stop() {
    if (playing !== this) return
    playing = undefined
    unload(this.video)
    this.video.remove()
    this.drawPlay()
  }

  openMenu(event) {
    const items = this.data.menu.map((done) => [done, channel.data.words.acts[done]])
    openMenu(event, this.node, this.head.title, items, (done) => act({ do: done, take: this.data.take, task: this.data.task }))
  }

  close() {
    this.stop()
    this.node.remove()
  }
}

function show(picture, address, words) {
  if (picture.getAttribute("src") !== address) {
    picture.loading = "lazy"
    picture.src = address
  }
  set(picture, "alt", words)
}

// --- the first line of a card: its box, the button that makes takes, the menu

class Head {
  constructor(parent) {
    this.root = make("div", "line")
    const label = make("label", "tick")
    this.box = Object.assign(make("input"), { type: "checkbox" })
    this.box.onchange = () => act({ do: "tick", shot: this.data.head, on: this.box.checked })
    this.number = make("b")
    label.append(this.box, this.number)
    this.button = make("button", "generate")
    this.button.onclick = () => this.generate()
    this.more = make("button", "dots", "⋯")
    this.more.setAttribute("aria-haspopup", "menu")
    this.more.setAttribute("aria-expanded", "false")
    this.more.onclick = (event) => {
      const { more, menu, head } = this.data
      openMenu(event, this.root, more, menu, (name) => act({ do: "menu", shot: head, name }))
    }
    this.root.append(label, this.button, this.more)
    parent.append(this.root)
  }

  update({ data }) {
    this.data = data
    set(this.number, "textContent", data.number)
    set(this.button, "textContent", `${data.icon} ${data.words}`)
    set(this.button, "title", data.help)
    name(this.more, data.more)
    heads.add(this)
    this.draw()
  }

  // Ticked as the server says, or as it will when it has heard of the last click.
  draw() {
    if (!channel.data) return
    const ticks = channel.pending.filter((one) => one.do === "tick" && one.shot === this.data.head)
    set(this.box, "checked", ticks.length ? ticks.at(-1).on : channel.data.ticked.includes(this.data.head))
  }

  // What was clicked shows before the server has heard of it.
  generate() {
    channel.act({ do: "generate", shot: this.data.head })
    this.button.classList.add("sent")
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.button.classList.remove("sent"), 400)
  }

  close() {
    heads.delete(this)
    this.root.remove()
  }
}

const drawHead = mounted(Head)

export default function (component) {
  const { data, parentElement } = component
  if (data.head) return drawHead(component)
  if (!data.place) {
    told(component)
    return () => channel.close()
  }
  let place = places.get(parentElement)
  if (!place || place.shot !== data.place) {
    if (place) place.close()
    place = new Place(parentElement, data.place)
    places.set(parentElement, place)
  }
  place.describe(data.options)
  return () => {
    place.close()
    places.delete(parentElement)
  }
}
