// The examples: a press opens one.
import {address, studio} from "./studio.js"

export function mount(root, {trigger, props}) {
  root.querySelector(".people").append(...props.people.map(({name, about, file}) => {
    const button = document.createElement("button"), picture = document.createElement("img")
    Object.assign(button, {type: "button", title: about, ariaLabel: about})
    Object.assign(picture, {src: address(file), alt: ""})
    button.append(picture)
    button.onclick = () => {
      studio.begin(`Opening ${about}`)
      trigger("select", {name})
    }
    return button
  }))
}
