// The engine's worker, asked by promises.

export class Engine {
  calls = new Map() // number → {resolve, reject, tell}
  count = 0

  constructor() {
    const address = new URL("../engine/worker.js", import.meta.url)
    this.worker = new Worker(address, {type: "module"})
    this.worker.onmessage = ({data}) => this.hear(data)
    this.worker.onerror = event => this.lose(event.message)
  }

  // `tell` hears what is done, and how far it is
  ask(call, args, tell = () => {}) {
    const id = ++this.count
    return new Promise((resolve, reject) => {
      this.calls.set(id, {resolve, reject, tell})
      this.worker.postMessage({id, call, args})
    })
  }

  hear({id, answer, error, expected, progress}) {
    const call = this.calls.get(id)
    if (progress) return call.tell(progress)
    this.calls.delete(id)
    if (error === undefined) return call.resolve(answer)
    call.reject(new Error(expected ? error : `Something went wrong: ${error}`))
  }

  // what the worker's own code broke with
  lose(message) {
    const error = new Error(`This browser cannot run the page: ${message || "it is too old"}.`)
    for (const {reject} of this.calls.values()) reject(error)
    this.calls.clear()
  }
}

// the graphics card where there is one to be had; `?engine=wasm` asks for the other way
export async function chosenEngine() {
  const asked = new URLSearchParams(location.search).get("engine")
  if (asked) return asked === "webgpu" ? "webgpu" : "wasm"
  const card = await navigator.gpu?.requestAdapter().catch(() => null)
  return card && !card.info?.isFallbackAdapter ? "webgpu" : "wasm"
}
