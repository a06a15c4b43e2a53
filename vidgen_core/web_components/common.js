// What the components of the screens share: making and changing nodes, and events that are sent until they were handled.

export function make(tag, name, text) {
  const node = document.createElement(tag)
  if (name) node.className = name
  if (text !== undefined) node.textContent = text
  return node
}

export function set(node, name, value) {
  if (node[name] !== value) node[name] = value
}

// A video that is taken away lets its connection go.
export function unload(video) {
  video.pause()
  video.removeAttribute("src")
  video.load()
}

// What a reviewer said of a take.
export const signs = ({ vote, favourite }) => `${vote > 0 ? "👍" : vote < 0 ? "👎" : ""}${favourite ? "★" : ""}`

// What Streamlit calls of a component: an object of the class for each place, told of every change and closed with the place.
export function mounted(Part) {
  const parts = new WeakMap()
  return (component) => {
    const { parentElement } = component
    const part = parts.get(parentElement) || new Part(parentElement)
    parts.set(parentElement, part)
    part.update(component)
    return () => {
      part.close()
      parts.delete(parentElement)
    }
  }
}

// What a screen reader says of a node, also shown as its tip.
export function name(node, words) {
  if (node.title === words) return
  node.title = words
  node.setAttribute("aria-label", words)
}

export function isTyping(event) {
  const target = event.composedPath()[0]
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}

// A menu at the button that opens it: arrows walk through it, Escape and a press elsewhere close it, and the focus goes back.
// Items are [what it does, words, help, whether it is off].
export function openMenu(event, within, label, items, act) {
  const button = event.currentTarget
  // A pointer's press has just closed what its click would open again.
  if (button.menu || (event.detail && performance.now() - button.shut < 300)) return
  const menu = Object.assign(make("div", "menu"), { popover: "auto", role: "menu", ariaLabel: label })
  menu.append(...items.map(([does, words, help, off]) => {
    const item = Object.assign(make("button"), { role: "menuitem", ariaLabel: words, disabled: Boolean(off) })
    item.dataset.do = does
    item.append(make(help ? "b" : "span", "", words))
    if (help) item.append(make("small", "", help))
    item.onclick = () => {
      menu.hidePopover()
      // No press on the button closed it: the next click opens it at once.
      button.shut = -Infinity
      act(does)
    }
    return item
  }))
  const free = [...menu.querySelectorAll("button:enabled")]
  menu.onkeydown = (press) => {
    const place = free.indexOf(press.target)
    const to = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 }[press.key]
    if (press.key === "Tab") menu.hidePopover()
    if (to === undefined) return
    press.preventDefault()
    press.stopPropagation()
    free.at(to % free.length).focus()
  }
  menu.onbeforetoggle = ({ newState }) => {
    button.ariaExpanded = String(newState === "open")
    if (newState === "open") return
    Object.assign(button, { menu: undefined, shut: performance.now() })
    if (menu.contains(menu.getRootNode().activeElement)) button.focus()
    // It is still being closed.
    setTimeout(() => menu.remove())
  }
  within.append(menu)
  button.menu = menu
  menu.showPopover()
  const box = button.getBoundingClientRect()
  const { offsetWidth: wide, offsetHeight: high } = menu
  menu.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - wide - 8))}px`
  menu.style.top = `${box.bottom + high + 8 > window.innerHeight ? box.top - high - 4 : box.bottom + 4}px`
  free[0]?.focus()
}

// Numbers the events of one component and sends them again until the server has acknowledged them: of two triggers that meet in
// one run only the later one arrives, and a run of the page that comes between may swallow both.
export class Channel {
  constructor() {
    this.pending = []
    this.number = 0
    this.page = [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("")
    this.trigger = () => {}
  }

  // The server has answered; what it has not seen yet is sent again.
  told(seen, trigger) {
    this.trigger = trigger
    this.pending = this.pending.filter((act) => act.n > seen)
    this.number = Math.max(this.number, seen)
    clearTimeout(this.again)
    if (this.pending.length) this.again = setTimeout(() => this.send())
  }

  act(what) {
    this.number += 1
    this.pending.push({ ...what, n: this.number, of: this.page })
    this.send()
  }

  send(wait = 1500) {
    clearTimeout(this.again)
    if (!this.pending.length) return
    this.trigger(this.pending)
    this.again = setTimeout(() => this.send(Math.min(2 * wait, 10000)), wait)
  }

  close() {
    clearTimeout(this.again)
    this.trigger = () => {}
  }
}

// Plays across joins in a dialog of its own: the last second of one video, then the first second of the next, round and round.
const ACROSS = 1
export class Seams {
  constructor(root, close) {
    this.dialog = make("dialog", "seams")
    this.videos = [0, 1].map(() => Object.assign(make("video"), { muted: true, playsInline: true, preload: "auto" }))
    const shut = make("button", "", "✕")
    name(shut, close)
    shut.onclick = () => this.dialog.close()
    this.dialog.append(...this.videos, shut)
    this.dialog.onclose = () => {
      this.videos.forEach(unload)
      this.dialog.remove()
    }
    this.root = root
  }

  // Pairs of parts as the server tells them: where a video lies, and the seconds at which it begins and ends.
  open(joins) {
    this.parts = joins.flatMap(([before, after]) => [
      [before.video, Math.max(before.begin, before.end - ACROSS), before.end], [after.video, after.begin, Math.min(after.end, after.begin + ACROSS)],
    ])
    this.root.append(this.dialog)
    if (!this.dialog.open) this.dialog.showModal()
    this.load(0)
    this.play(0)
  }

  load(place) {
    const [source, begin] = this.parts[place % this.parts.length]
    Object.assign(this.videos[place % 2], { src: `${source}#t=${begin}`, hidden: true })
  }

  // While one part plays the next one is loaded, so that nothing stands between them.
  play(place) {
    const [video, other] = [this.videos[place % 2], this.videos[(place + 1) % 2]]
    const [, , end] = this.parts[place % this.parts.length]
    video.hidden = false
    other.hidden = true
    other.pause()
    this.load(place + 1)
    let over = false
    video.onended = video.onerror = video.ontimeupdate = (event) => {
      if (over || !this.dialog.open || (event.type === "timeupdate" && video.currentTime < end - 0.02)) return
      over = true
      this.play(place + 1)
    }
    video.play().catch(() => {})
  }
}
