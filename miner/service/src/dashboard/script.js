"use strict";
// Replaces the panes of the page whenever the service sends new ones. Without this script the page reloads itself.
(() => {
  const live = document.getElementById("live");
  const say = (text, state) => {
    live.textContent = text;
    live.dataset.state = state;
  };

  /** Whether replacing a pane would disturb its reader. */
  const isInUse = (pane) => {
    const selection = document.getSelection();
    const isSelected = selection && !selection.isCollapsed && pane.contains(selection.anchorNode);
    const focused = document.activeElement;
    return isSelected || (focused !== pane.querySelector(".scroll") && pane.contains(focused));
  };

  const update = (html) => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const panes = document.getElementById("panes");
    for (const next of fresh.querySelectorAll("[data-pane]")) {
      const old = document.querySelector(`[data-pane="${next.dataset.pane}"]`);
      if (!old) {
        panes.append(document.adoptNode(next));
      } else if (old.innerHTML !== next.innerHTML && !isInUse(old)) {
        const before = old.querySelector(".scroll");
        const hadFocus = before && before === document.activeElement;
        const [left, top] = before ? [before.scrollLeft, before.scrollTop] : [0, 0];
        old.replaceChildren(...document.adoptNode(next).childNodes);
        const after = old.querySelector(".scroll");
        if (after) after.scrollTo(left, top);
        if (after && hadFocus) after.focus({ preventScroll: true });
      }
    }
  };

  const connect = () => {
    const events = new EventSource("/events");
    events.addEventListener("message", (event) => {
      update(event.data);
      say("live", "on");
    });
    events.addEventListener("logout", () => {
      events.close();
      location.assign("/login");
    });
    events.addEventListener("error", () => {
      say("not connected", "off");
      if (events.readyState === EventSource.CLOSED) setTimeout(connect, 10000);
    });
  };
  connect();
})();
