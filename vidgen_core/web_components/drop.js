// Files dropped or chosen go to the server a few at a time, each as a request of its own.
import { Channel, make, mounted } from "./common.js"

const AT_ONCE = 4
const TRIES = 3

async function entriesIn(folder) {
  const reader = folder.createReader()
  const found = []
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
    if (!some.length) return found
    found.push(...some)
  }
}

// {path, file} of everything below a dropped file or folder.
async function filesOf(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject))
    return [{ path: entry.fullPath.replace(/^\//, ""), file }]
  }
  const inner = await Promise.all((await entriesIn(entry)).map(filesOf))
  return inner.flat()
}

class Zone {
  constructor(parent) {
    this.channel = new Channel()
    this.zone = make("div", "zone")
    this.label = make("div", "label")
    this.files = make("input")
    this.folder = make("input")
    this.chooseFiles = make("button")
    this.chooseFolder = make("button")
    this.stop = make("button")
    this.bar = make("progress")
    this.said = make("span", "said")
    this.said.setAttribute("role", "status")
    Object.assign(this.files, { type: "file", multiple: true })
    Object.assign(this.folder, { type: "file", webkitdirectory: true })
    this.chooseFiles.onclick = () => this.files.click()
    this.chooseFolder.onclick = () => this.folder.click()
    for (const input of [this.files, this.folder]) {
      input.onchange = () => {
        this.take([...input.files].map((file) => ({ path: file.webkitRelativePath || file.name, file })))
        input.value = ""
      }
    }
    this.zone.ondragover = (event) => {
      event.preventDefault()
      this.zone.classList.add("over")
    }
    this.zone.ondragleave = () => this.zone.classList.remove("over")
    this.zone.ondrop = (event) => this.dropped(event)
    this.stop.onclick = () => { this.stopped = true }
    this.onpaste = (event) => this.pasted(event)
    document.addEventListener("paste", this.onpaste)
    this.zone.append(this.label, this.chooseFiles, this.chooseFolder, this.bar, this.said, this.stop, this.files, this.folder)
    parent.appendChild(this.zone)
    this.show(0, 0)
  }

  update({ data, setTriggerValue }) {
    this.data = data
    this.channel.told(data.seen, (acts) => setTriggerValue("acts", { acts }))
    const hint = make("small")
    hint.textContent = data.words.here
    this.label.replaceChildren(data.label, hint)
    this.chooseFiles.textContent = data.words.choose_files
    this.chooseFolder.textContent = data.words.choose_folder
    this.stop.textContent = data.words.stop
    this.files.accept = data.endings.join(",")
    this.files.setAttribute("aria-label", data.label)
  }

  // Files of the clipboard, else its text: cells of a sheet come with tabs between them.
  pasted(event) {
    const into = event.composedPath()[0]
    if (into instanceof Element && into.closest("input, textarea, [contenteditable]")) return
    const at = new Date().toISOString().slice(11, 19).replaceAll(":", "")
    const files = [...event.clipboardData.files].map((file, place) => {
      const name = /^image\.\w+$/.test(file.name) ? file.name.replace("image", `${this.data.words.pasted}-${at}-${place + 1}`) : file.name
      return { path: name, file }
    })
    const text = event.clipboardData.getData("text/plain")
    // Excel puts a picture of its cells beside them.
    if (text.trim()) files.splice(0, files.length, { path: `${this.data.words.pasted}.txt`, file: new Blob([text]) })
    if (!files.length) return
    event.preventDefault()
    this.take(files)
  }

  async dropped(event) {
    event.preventDefault()
    this.zone.classList.remove("over")
    // The list is emptied as soon as this turn ends.
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean)
    const found = await Promise.all(entries.map((entry) => filesOf(entry).catch(() => [])))
    this.take(found.flat())
  }

  async take(all) {
    if (this.busy) return
    const files = all.filter(({ path }) => this.data.endings.some((ending) => path.toLowerCase().endsWith(ending)))
    if (!files.length) {
      this.said.hidden = false
      this.said.textContent = all.length ? this.data.words.nothing : ""
      return
    }
    this.busy = true
    this.stopped = false
    const names = new Array(files.length)
    let next = 0
    let done = 0
    let failed = 0
    this.show(0, files.length)
    const work = async () => {
      while (next < files.length && !this.stopped) {
        const place = next++
        names[place] = await this.put(files[place])
        if (!names[place]) failed += 1
        done += 1
        this.show(done, files.length)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    this.busy = false
    this.show(0, 0)
    this.channel.act({ files: names.filter(Boolean), failed })
  }

  // The name under which it lies on the server; undefined when it could not be sent.
  async put({ path, file }) {
    const address = `${this.data.address}/${path.split("/").map(encodeURIComponent).join("/")}`
    for (let tries = 0; tries < TRIES; tries += 1) {
      try {
        const answer = await fetch(address, { method: "PUT", body: file })
        if (answer.ok) return (await answer.json()).name
        if (answer.status < 500) return undefined
      } catch {
        // The network; once more after a while.
      }
      await new Promise((resolve) => setTimeout(resolve, 500 * (tries + 1)))
    }
    return undefined
  }

  show(done, total) {
    for (const node of [this.bar, this.said, this.stop]) node.hidden = !total
    for (const node of [this.chooseFiles, this.chooseFolder]) node.hidden = Boolean(total)
    if (!total) return
    this.bar.max = total
    this.bar.value = done
    this.said.textContent = this.data.words.sending.replace("{done}", done).replace("{total}", total)
  }

  close() {
    document.removeEventListener("paste", this.onpaste)
    this.channel.close()
    this.stopped = true
    this.zone.remove()
  }
}

export default mounted(Zone)
