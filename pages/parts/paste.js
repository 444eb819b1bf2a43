// A picture from the clipboard: by Ctrl+V anywhere on the page but in a field, or by the button, which asks the browser.
let told = null; // where a paste goes: the component that was drawn last

function listen(event) {
  if (!told || event.target.closest?.("input, textarea, [contenteditable=true]")) return;
  const items = [...(event.clipboardData?.items ?? [])];
  const picture = items.find((item) => item.kind === "file" && item.type.startsWith("image/"))?.getAsFile();
  if (!picture) return;
  event.preventDefault();
  told(picture);
}
document.addEventListener("paste", listen);

export default function ({ data, parentElement, setTriggerValue }) {
  const [button, status] = ["button", "span"].map((one) => parentElement.querySelector(`.paste ${one}`));
  const { words, most } = data;
  button.textContent = words.button;
  button.title = words.keys;
  const say = (text) => (status.textContent = text);

  function send(picture) {
    if (picture.size > most) return say(words.large);
    const reader = new FileReader();
    reader.onload = () => {
      say("");
      setTriggerValue("picture", { type: picture.type, data: String(reader.result).split(",", 2)[1] ?? "" });
    };
    reader.onerror = () => say(words.none);
    reader.readAsDataURL(picture);
  }
  told = send;

  button.onclick = async () => {
    say("");
    try {
      for (const item of await navigator.clipboard.read()) {
        const type = item.types.find((one) => one.startsWith("image/"));
        if (type) return send(await item.getType(type));
      }
      say(words.none);
    } catch {
      say(words.keys); // the browser does not let a button read the clipboard; the keys do
    }
  };
  return () => {
    if (told === send) told = null;
  };
}
