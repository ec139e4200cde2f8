// The Start that a customer presses in their new bot is the sign for the provisioner to greet them. To the gateway it
// is a message like any other: the model would answer it too, so that the customer is greeted twice and pays for it.
// So the first message through a bot is taken here, without an answer, if it is a Start. Every later one goes on.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

const STAMP = join(homedir(), ".openclaw", "state", "first-message");

function noted() {
  try {
    return readFileSync(STAMP, "utf8");
  } catch {
    return "";
  }
}

// Whether this is the first message through the bot, also when the gateway takes it up again after it was killed.
function isFirst(bot, messageId) {
  const before = noted();
  if (before.split(" ")[0] === bot) return before === `${bot} ${messageId}`;
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, `${bot} ${messageId}`);
  return true;
}

export default {
  id: "first-start",
  name: "First start",
  description: "Leaves the answer to a new customer's Start to the provisioner, which greets them",
  register(api) {
    const bot = String(api.pluginConfig?.bot ?? "");
    api.on("before_dispatch", (event) => {
      if (event.channel !== "telegram" || event.isGroup || !isFirst(bot, event.messageId)) return undefined;
      return /^\/start(@\w+)?(\s|$)/.test(event.content ?? "") ? { handled: true } : undefined;
    });
  },
};
