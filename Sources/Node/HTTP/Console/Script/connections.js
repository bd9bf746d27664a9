// The cluster's connections, page by page. The current page is reloaded every two seconds.

const pageSize = 20;
const pages = { cursor: null, next: null, number: 1, filter: [] };

const reloadPage = watch(2, async () => {
  const asked = queryOf([...pages.filter, ["limit", pageSize], ...(pages.cursor ? [["cursor", pages.cursor]] : [])]);
  pages.asked = asked;
  const { value } = await ask(`/api/connections?${asked}`);
  // Another page may have been selected in the meantime.
  if (pages.asked === asked) showPage(value);
}, (refused, wait) => {
  $("page-status").className = "bad";
  write($("page-status"), `${refused} Next attempt in ${Math.ceil(wait)} s.`);
});

function showPage({ count: total, complete, missing, connections, next }) {
  pages.next = next;
  write($("page-count"), `${count(total, "connection")}.`);
  $("page-status").className = complete ? "" : "warn";
  write($("page-status"), complete ? "The list is complete." : `Not complete: no answer from ${missing.join(", ")}.`);
  write($("page-number"), `Page ${pages.number} of ${Math.max(pages.number, Math.ceil(total / pageSize)).toLocaleString("en")}`);
  $("first-page").disabled = pages.number === 1;
  $("next-page").disabled = next === null;
  keep($("rows"), connections, (connection) => connection.id, createRow, (row, connection) => {
    const [, node, user, groups, since] = row.children;
    write(node, connection.node);
    showNames(user, connection.user === null ? [] : [connection.user]);
    showNames(groups, connection.groups);
    const date = new Date(connection.connectedAt);
    const isOfToday = date.toDateString() === new Date().toDateString();
    write(since, isOfToday ? clock(date) : `${date.toLocaleDateString()} ${clock(date)}`);
    since.title = connection.connectedAt;
  }, $("connections-title"));
}

function createRow({ id }) {
  const act = (text, choose) => {
    const whom = make("span", { className: "hidden" }, ` ${shortID(id)}`);
    return make("button", { type: "button", onclick: choose }, text, whom);
  };
  return make("tr", {},
    make("td", {}, make("span", { className: "id", title: id }, shortID(id))),
    make("td"), make("td"), make("td"), make("td"),
    make("td", {},
      act("Send", () => aimSend(id)), " ", act("Group", () => aimMembership(id)), " ", act("Close", () => aimClose(id))));
}

function turnTo(cursor, number) {
  Object.assign(pages, { cursor, number });
  reloadPage();
}

$("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  // Not trimmed: a name may begin or end with a space.
  pages.filter = [...new FormData(event.target)].filter(([, value]) => value);
  turnTo(null, 1);
});
$("first-page").addEventListener("click", () => {
  turnTo(null, 1);
  $("connections-title").focus({ preventScroll: true });
});
$("next-page").addEventListener("click", () => {
  if (pages.next) turnTo(pages.next, pages.number + 1);
  $("connections-title").focus({ preventScroll: true });
});
