// All files of the page kept in the browser by its service worker, so that it works without a
// network; its answers also isolate the page from others, which threads need.

const TRIED = "illures.isolated" // in the session's memory: that the page was opened anew for it

function wasTried() {
  try {
    const before = sessionStorage.getItem(TRIED)
    sessionStorage.setItem(TRIED, "yes")
    return Boolean(before)
  } catch {
    return true
  }
}

// `tell` hears which share is here; the page is opened anew once where that brings threads
export async function keepAll(engine, tell) {
  if (!navigator.serviceWorker) return false
  navigator.serviceWorker.addEventListener("message", ({data}) => tell(data.share))
  try {
    const registration = await navigator.serviceWorker.register(`sw.js?engine=${engine}`)
    if (!(await isInstalled(registration))) return false
  } catch {
    return false // a browser that keeps nothing, or a page that is no secure one
  }
  await controlled()
  if (!globalThis.crossOriginIsolated && !wasTried()) {
    location.reload()
    await new Promise(() => {})
  }
  return true
}

// once it keeps all files, or could not
function isInstalled({active, waiting, installing}) {
  const worker = waiting ?? installing
  if (active || !worker) return Boolean(active)
  return new Promise(resolve => {
    worker.addEventListener("statechange", () => {
      if (worker.state === "activated") resolve(true)
      if (worker.state === "redundant") resolve(false)
    })
  })
}

// from when on what the page asks for comes from the service worker
function controlled() {
  if (navigator.serviceWorker.controller) return Promise.resolve()
  return new Promise(resolve => {
    navigator.serviceWorker.addEventListener("controllerchange", resolve, {once: true})
    setTimeout(resolve, 2000) // a page that was opened past it stays so
  })
}
