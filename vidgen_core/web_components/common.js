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

// Numbers the events of one component and resends them until the server has acknowledged them: of two triggers that meet in
// one run only the later one arrives.
export class Channel {
  constructor() {
    this.pending = []
    this.number = 0
    this.trigger = () => {}
  }

  // The server has answered; what it has not seen yet is sent again.
  told(seen, trigger) {
    this.trigger = trigger
    this.pending = this.pending.filter((act) => act.n > seen)
    this.number = Math.max(this.number, seen)
    if (this.pending.length) setTimeout(() => this.trigger(this.pending))
  }

  act(what) {
    this.number += 1
    this.pending.push({ ...what, n: this.number })
    this.trigger(this.pending)
  }
}
