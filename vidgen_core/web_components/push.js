import { isTyping, mounted } from "./common.js"

// Letters are keys of the page's buttons; behind an open dialog they would close it over what is typed there.
function keepFromPage(event) {
  if (!isTyping(event) && /^[a-z]$/i.test(event.key) && document.querySelector('[role="dialog"]')) event.stopImmediatePropagation()
}

// Enter in the key field of a dialog is as good as a click on its button; Streamlit has taken over what was typed by then.
function saveByEnter(event) {
  const target = event.composedPath()[0]
  if (event.key !== "Enter" || !(target instanceof HTMLInputElement) || target.autocomplete !== "off") return
  const dialog = target.closest('[role="dialog"]')
  const save = dialog && dialog.querySelector('[data-testid="stBaseButton-primary"]')
  if (save) setTimeout(() => save.click(), 100)
}

// What a password manager has filled in counts when a button is pressed, though nobody has left the field.
function takeOverKeys(event) {
  const dialog = event.target instanceof Element && event.target.closest('[role="dialog"]')
  if (!dialog) return
  for (const field of dialog.querySelectorAll('input[autocomplete="off"]')) {
    if (field !== document.activeElement) field.dispatchEvent(new FocusEvent("focusout", { bubbles: true }))
  }
}

// What has the focus, what had it before a dialog opened, and the names of what that stands in, the innermost first.
let held
let opener
let around = []
// The field that had the focus when the server went: Streamlit takes the focus from all fields then.
let locked

function rememberFocus(event) {
  remember(event.composedPath()[0], event.target)
}

function remember(focused, target) {
  held = focused
  locked = undefined
  if (target.closest('[role="dialog"]')) return
  opener = held
  around = []
  for (let at = target; at; at = at.parentElement) around.push(...[...at.classList].filter((one) => one.startsWith("st-key-")))
}

// Where what had the focus is gone, it goes to what stands in its place now, or else to its surroundings.
function keepFocus() {
  if (held?.disabled) locked = held
  const atRest = document.querySelector('[data-testid="stApp"][data-test-script-state="notRunning"]')
  if (!held || document.activeElement !== document.body || !atRest) return
  if (held.isConnected) {
    if (locked === held && !held.disabled) held.focus({ preventScroll: true })
    return
  }
  held = undefined
  if (opener?.isConnected) return opener.focus({ preventScroll: true })
  for (const name of around) {
    const next = document.querySelector(`.${name} :is(button:enabled, a[href], input:enabled, textarea)`)
    if (next) return next.focus({ preventScroll: true })
  }
}

// Loads a page again whose visitor was signed out: the server answers it with a redirect to the sign-in. Whether it was.
async function reloadIfSignedOut() {
  try {
    const answer = await fetch(window.location.href, { method: "HEAD", redirect: "manual", cache: "no-store" })
    if (answer.type !== "opaqueredirect") return false
  } catch {
    return false
  }
  window.location.reload()
  return true
}

// A page that is being drawn has no listener for a moment, and for good when its visitor is signed out in it.
let listening = 0
setInterval(() => listening || reloadIfSignedOut(), 5000)

// One socket per mounted listener; signals are gathered, paced and repeated until the page acknowledges them.

class Listener {
  constructor() {
    listening += 1
    this.number = Date.now() % 1e9
    this.pending = []
    this.last = 0
    this.delay = 500
    this.onVisible = () => this.flush()
    document.addEventListener("visibilitychange", this.onVisible)
    window.addEventListener("keydown", keepFromPage, true)
    window.addEventListener("keydown", saveByEnter)
    window.addEventListener("pointerdown", takeOverKeys, true)
    document.addEventListener("focusin", rememberFocus)
    const focused = document.activeElement
    if (focused !== document.body) remember(focused, focused)
    this.focusing = setInterval(keepFocus, 250)
    // Without a socket the page still looks for itself, more slowly.
    this.fallback = setInterval(async () => {
      if (!this.socket || this.socket.readyState !== WebSocket.OPEN) {
        if (!(await reloadIfSignedOut())) this.gather({ all: true })
      } else if (this.pending.length) this.flush()
    }, 5000)
  }

  update({ data, setTriggerValue }) {
    this.send = (signal) => setTriggerValue("changed", signal)
    this.shots = new Set(data.shots)
    this.pace = data.pace
    this.address = data.address
    this.pending = this.pending.filter((signal) => signal.number > data.seen)
    if (this.project !== data.project) {
      // The server waits to hear that the browser knows of the other project.
      if (this.project) this.gather({})
      this.project = data.project
      this.rev = data.since
      this.connect()
    }
  }

  connect() {
    if (this.socket) {
      this.socket.onclose = null
      this.socket.close()
    }
    const address = new URL(this.address, window.location.href)
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:"
    address.searchParams.set("project", this.project)
    address.searchParams.set("since", this.rev)
    const socket = new WebSocket(address)
    let opened = false
    socket.onopen = () => { opened = true; this.delay = 500 }
    socket.onmessage = (event) => this.receive(JSON.parse(event.data))
    socket.onclose = async (event) => {
      // Whoever was signed out has to sign in again; so does this page.
      if (event.code === 1008 && event.reason === "sign_in_needed") return window.location.reload()
      // A socket that was refused before it opened has no reason: the page itself is asked for one.
      if ((!opened && (await reloadIfSignedOut())) || this.socket !== socket) return
      this.retry = setTimeout(() => this.connect(), this.delay)
      this.delay = Math.min(this.delay * 2, 10000)
    }
    this.socket = socket
  }

  receive(message) {
    this.rev = message.rev
    if (message.hello) return
    this.gather({ all: message.all, shots: (message.shots || []).filter((id) => this.shots.has(id)) })
  }

  gather({ all = false, shots = [] }) {
    this.number += 1
    this.pending.push({ number: this.number, all, shots })
    this.flush()
  }

  flush() {
    if (!this.pending.length || document.hidden || this.timer) return
    const wait = Math.max(0, this.last + this.pace - Date.now())
    this.timer = setTimeout(() => {
      this.timer = undefined
      if (document.hidden || !this.pending.length) return
      this.last = Date.now()
      this.send({
        number: this.number,
        all: this.pending.some((signal) => signal.all),
        shots: [...new Set(this.pending.flatMap((signal) => signal.shots))],
      })
    }, wait)
  }

  close() {
    listening -= 1
    document.removeEventListener("visibilitychange", this.onVisible)
    window.removeEventListener("keydown", keepFromPage, true)
    window.removeEventListener("keydown", saveByEnter)
    window.removeEventListener("pointerdown", takeOverKeys, true)
    document.removeEventListener("focusin", rememberFocus)
    clearInterval(this.focusing)
    clearInterval(this.fallback)
    clearTimeout(this.retry)
    clearTimeout(this.timer)
    if (this.socket) {
      this.socket.onclose = null
      this.socket.close()
      this.socket = undefined
    }
  }
}

export default mounted(Listener)
