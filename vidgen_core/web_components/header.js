// The header line: provider, connection, counts, pause, stop and the two settings buttons. It never changes its height.
import { Channel, isTyping, make, mounted, name, openMenu, set } from "./common.js"

class Bar {
  constructor(parent) {
    this.channel = new Channel()
    this.root = make("div", "bar")
    this.project = make("b", "project")
    this.fold = make("div", "fold")
    this.modes = make("fieldset", "modes")
    this.mode = make("select", "mode")
    this.mode.onchange = () => this.act({ do: "mode", mode: this.mode.value })
    this.connection = make("button", "connection")
    this.connection.onclick = () => this.act({ do: "videos" })
    this.counts = make("div", "counts")
    this.counts.setAttribute("role", "group")
    this.facts = make("span", "facts")
    this.pause = make("button", "pause")
    this.pause.onclick = () => this.act({ do: this.data.paused ? "resume" : "pause" })
    this.stop = make("button", "stop")
    this.stop.onclick = (event) => openMenu(event, this.root, this.data.words.stop, this.data.stops, (act) => this.act({ do: act }))
    this.stop.setAttribute("aria-haspopup", "menu")
    this.pictures = make("button", "settings")
    this.pictures.onclick = () => this.act({ do: "pictures" })
    this.videos = make("button", "settings")
    this.videos.onclick = () => this.act({ do: "videos" })
    this.more = make("button", "more", "☰")
    this.more.onclick = () => this.unfold(!this.fold.classList.contains("open"))
    this.line = make("div", "line")
    this.line.setAttribute("role", "progressbar")
    this.line.append(make("span"))
    this.away = Object.assign(make("div", "away"), { role: "alert", popover: "manual" })
    this.fold.append(this.modes, this.mode, this.stop, this.pictures, this.videos)
    this.root.append(this.project, this.connection, this.counts, this.facts, this.pause, this.fold, this.more, this.line, this.away)
    parent.append(this.root)
    // Streamlit's script knows whether the server answers.
    this.app = document.querySelector('[data-testid="stApp"]')
    this.listener = new MutationObserver(() => this.heard())
    this.listener.observe(this.app, { attributeFilter: ["data-test-connection-state"] })
    this.onKey = (event) => {
      if (event.key === "Escape") this.unfold(false)
      const free = !isTyping(event) && !event.ctrlKey && !event.metaKey && !event.altKey
      if (free && event.key.toLowerCase() === "v" && this.data.settings && !document.querySelector('[role="dialog"]')) {
        this.act({ do: "videos" })
      }
    }
    document.addEventListener("keydown", this.onKey)
    // What Streamlit's own elements do not say. They are drawn anew without the header being told.
    this.onDrawn = () => {
      cancelAnimationFrame(this.drawn)
      this.drawn = requestAnimationFrame(() => {
        nameOnce()
        describePage(this.data.page)
      })
    }
    this.watcher = new MutationObserver(this.onDrawn)
    this.watcher.observe(document.body, { childList: true, subtree: true })
    window.addEventListener("resize", this.onDrawn)
    document.addEventListener("keydown", walkColumn, true)
    // On a phone the sidebar lies over the page that was chosen in it.
    this.onClick = (event) => {
      if (window.innerWidth > 768 || !event.target.closest('[data-testid="stSidebar"] a')) return
      document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click()
    }
    document.addEventListener("click", this.onClick)
  }

  act(what) {
    this.unfold(false)
    this.channel.act(what)
  }

  unfold(open) {
    this.fold.classList.toggle("open", open)
    this.more.setAttribute("aria-expanded", String(open))
  }

  update({ data, setTriggerValue }) {
    this.data = data
    this.channel.told(data.seen, (acts) => setTriggerValue("acts", { acts }))
    if (data.looks) {
      const path = new URL(".", document.baseURI).pathname
      document.cookie = `vidgen_looks=${data.looks}; path=${path}; max-age=31536000; samesite=lax`
    }
    document.documentElement.lang = data.lang
    this.onDrawn()
    const w = data.words
    set(this.project, "textContent", data.project)
    this.drawModes()
    this.drawConnection()
    this.connection.disabled = !data.settings
    this.drawCounts()
    if (this.facts.textContent !== data.facts.join("")) this.facts.replaceChildren(...data.facts.map((fact) => make("span", "", fact)))
    set(this.facts, "title", data.facts_help)
    set(this.pause, "textContent", data.paused ? "▶\uFE0E" : "❚❚")
    name(this.pause, data.paused ? w.resume : w.pause)
    this.pause.classList.toggle("on", data.paused)
    set(this.stop, "textContent", `■ ${w.stop} ▾`)
    for (const node of [this.pause, this.stop]) node.hidden = !data.stops.length
    for (const [node, words] of [[this.pictures, w.pictures], [this.videos, w.videos]]) {
      if (node.title !== words) node.replaceChildren(make("span", "icon", node === this.videos ? "🎬" : "⚙"), make("span", "word", words))
      name(node, words)
      node.hidden = !data.settings
    }
    name(this.more, w.more)
    this.line.setAttribute("aria-label", w.progress)
    this.line.setAttribute("aria-valuenow", data.percent || 0)
    this.line.classList.toggle("off", data.percent === null)
    this.line.firstChild.style.transform = `scaleX(${(data.percent || 0) / 100})`
  }

  drawConnection() {
    const { words, colour, help } = this.away.textContent ? this.data.away : this.data.connection
    set(this.connection, "textContent", words)
    set(this.connection, "className", `connection ${colour}`)
    set(this.connection, "title", help)
  }

  // That the server does not answer is said once it has lasted, and until it answers.
  heard() {
    const away = this.app.dataset.testConnectionState !== "CONNECTED"
    if (away === Boolean(this.silent)) return
    clearTimeout(this.silent)
    this.silent = away && setTimeout(() => this.sayAway(true), 2000)
    if (!away) this.sayAway(false)
  }

  sayAway(away) {
    this.away.togglePopover(away)
    this.away.textContent = away ? this.data.away.help : ""
    this.drawConnection()
  }

  // As buttons of one choice, and as a menu where there is no room for them.
  drawModes() {
    const { modes, mode, locked, words } = this.data
    const told = JSON.stringify([modes, locked])
    if (this.told !== told) {
      this.told = told
      this.modes.replaceChildren(make("legend", "", words.mode), ...modes.map(([id, label]) => {
        const choice = make("label")
        const radio = Object.assign(make("input"), { type: "radio", name: "mode", value: id, disabled: locked })
        radio.onchange = () => this.act({ do: "mode", mode: id })
        choice.append(radio, make("span", "", label))
        return choice
      }))
      this.mode.replaceChildren(...modes.map(([id, label]) => Object.assign(make("option", "", label), { value: id })))
      this.mode.disabled = locked
      this.mode.setAttribute("aria-label", words.mode)
    }
    for (const radio of this.modes.querySelectorAll("input")) radio.checked = radio.value === mode
    this.mode.value = mode
  }

  drawCounts() {
    const { counts, words } = this.data
    this.counts.setAttribute("aria-label", words.counts)
    counts.forEach(([id, sign, number, label, colour], place) => {
      const button = this.counts.children[place] || this.counts.appendChild(make("button"))
      button.onclick = () => this.act({ do: "tasks", count: id })
      set(button, "className", `count ${id} ${colour}`)
      set(button, "textContent", `${sign} ${number}`)
      name(button, label)
    })
  }

  close() {
    document.removeEventListener("keydown", this.onKey)
    this.watcher.disconnect()
    this.listener.disconnect()
    clearTimeout(this.silent)
    cancelAnimationFrame(this.drawn)
    window.removeEventListener("resize", this.onDrawn)
    document.removeEventListener("keydown", walkColumn, true)
    document.removeEventListener("click", this.onClick)
    this.channel.close()
    this.root.remove()
  }
}

// Which link leads to the page that is open, and which way tabs stand; the look makes a column of them where there is room.
function describePage(page) {
  for (const link of document.querySelectorAll(".st-key-sidebar_pages a")) {
    const address = link.getAttribute("href")
    // The first page has no path, and would open as the one that is shown in a tab of its own.
    if (address.startsWith("?")) link.setAttribute("href", `./${address}`)
    const here = /^[^?]*/.exec(address)[0].replace("./", "") === page && !link.closest(".st-key-sidebar_pictures")
    link.ariaCurrent = here ? "page" : null
  }
  for (const list of document.querySelectorAll('[role="tablist"]')) list.ariaOrientation = isColumn(list) ? "vertical" : "horizontal"
}

const isColumn = (list) => getComputedStyle(list).flexDirection === "column"

// Streamlit's tabs know left and right alone.
function walkColumn(event) {
  const key = { ArrowDown: "ArrowRight", ArrowUp: "ArrowLeft" }[event.key]
  const list = key && event.target.closest('[role="tablist"]')
  if (!list || !isColumn(list)) return
  event.preventDefault()
  event.stopPropagation()
  event.target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }))
}

// Streamlit adds the project to the address of a link that names it already, and so once more with each link.
function nameOnce() {
  const address = new URL(window.location.href), asked = [...address.searchParams]
  if (new Set(asked.map(([key]) => key)).size === asked.length) return
  for (const [key, value] of asked.reverse()) address.searchParams.set(key, value)
  history.replaceState(history.state, "", address)
}

export default mounted(Bar)
