// Tell the page which status an upload was refused with: an uploader shows it on hover alone, without what it means.
const told = new WeakSet();

export default function ({ setTriggerValue }) {
  const look = () => {
    for (const chip of document.querySelectorAll("[data-testid=stFileChip][aria-invalid=true]")) {
      const status = /status code (\d{3})/.exec(chip.textContent);
      if (!status || told.has(chip)) continue;
      told.add(chip);
      setTriggerValue("status", Number(status[1]));
    }
  };
  const watching = new MutationObserver(look);
  watching.observe(document.body, { childList: true, subtree: true });
  look();
  return () => watching.disconnect();
}
