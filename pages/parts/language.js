// Keep the language that was chosen for a year, and tell the page's language to whoever reads it aloud.
export default function ({ data }) {
  document.documentElement.lang = data.language;
  const age = data.chosen ? 31536000 : 0;
  document.cookie = `${data.cookie}=${data.chosen}; path=/; max-age=${age}; SameSite=Lax`;
}
