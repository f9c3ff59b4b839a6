// The examples: a press opens one.
import {element} from "./dom.js"
import {address} from "./server.js"
import {studio} from "./studio.js"

export function mount(root, {trigger, props}) {
  const example = ({name, about, file}) => {
    const button = element("button", {title: about, ariaLabel: about})
    button.append(element("img", {src: address(file), alt: ""}))
    button.onclick = () => {
      studio.begin(`Opening ${about}`)
      trigger("select", {name})
    }
    return button
  }
  root.querySelector(".people").append(...props.people.map(example))
}
