// Makes every call of the API with both generated clients. GALLERY_URL is the address of a running service.
import createClient from "openapi-fetch";
import { randomUUID } from "node:crypto";
import { strictEqual as equal } from "node:assert";
import type { paths } from "./generated/v1.js";
import { client } from "./generated/sdk/client.gen.js";
import * as sdk from "./generated/sdk/sdk.gen.js";

const baseUrl = process.env.GALLERY_URL ?? "http://localhost:9999";

/** The request example of the document, for another image. */
const image = (id: string) => ({
  user_id: "user_123",
  image_url: `https://res.cloudinary.com/demo/image/upload/${id}.jpg`,
  refined_prompt: "A vibrant sunset over mountains",
  intent: "generate",
  metadata: { model: "gemini-pro", generation_time: 3.5 },
});

async function callWithOpenapiFetch() {
  const gallery = createClient<paths>({ baseUrl });
  const image_id = randomUUID();
  const one = { params: { path: { image_id } } };

  const saved = await gallery.POST("/v1/gallery/", { body: image(image_id) });
  equal(saved.data?.outcome, "created");
  equal(saved.data?.data.metadata.model, "gemini-pro");
  equal((await gallery.GET("/v1/gallery/", { params: { query: { user_id: "user_123", limit: 1 } } })).data?.pagination.limit, 1);
  equal((await gallery.GET("/v1/gallery/{image_id}/", one)).data?.data.image_id, image_id);
  const edited = await gallery.PATCH("/v1/gallery/{image_id}/", { ...one, body: { intent: null, metadata: { model: "flux" } } });
  equal(edited.data?.data.intent, null);
  equal((await gallery.GET("/v1/gallery/{image_id}/history/", one)).data?.data[0]?.event, "edited");
  const tag = { params: { path: { image_id, tag: "style:noir/pop" } } };
  equal((await gallery.PUT("/v1/gallery/{image_id}/tags/{tag}/", tag)).data?.data.tags[0], "style:noir/pop");
  const filters = { user_id: "user_123", tag: ["style:noir/pop"], ids: [image_id], metadata: { model: "flux" }, q: "sunset*", has_prompt: true };
  const found = await gallery.GET("/v1/gallery/", { params: { query: { ...filters, fields: ["image_id"], count: "exact" } } });
  equal(found.data?.pagination.count, 1);
  equal((await gallery.GET("/v1/gallery/facets/", { params: { query: filters } })).data?.data.tags[0]?.count, 1);
  equal((await gallery.GET("/v1/gallery/tags/", { params: { query: { user_id: "user_123", prefix: "style:", sort: "count" } } })).data?.data[0]?.count, 1);
  const renamed = await gallery.POST("/v1/gallery/tags/rename/", { body: { user_id: "user_123", from: "STYLE:NOIR/POP", to: "noir" } });
  equal(renamed.data?.data.renamed, 1);
  equal((await gallery.DELETE("/v1/gallery/{image_id}/tags/{tag}/", { params: { path: { image_id, tag: "noir" } } })).data?.data.tags.length, 0);
  await shareWithOpenapiFetch(gallery, image_id);
  const changes = await gallery.GET("/v1/gallery/changes/", { params: { query: { user_id: "user_123", wait: 1 } } });
  equal(typeof changes.data?.pagination.next_cursor, "string");
  const stale = await gallery.DELETE("/v1/gallery/{image_id}/", { params: { path: { image_id }, header: { "If-Match": '"0-0"' } } });
  equal(stale.error?.code, "precondition_failed");
  equal((await gallery.DELETE("/v1/gallery/{image_id}/", one)).response.status, 200);
  equal((await gallery.GET("/v1/gallery/deleted/", {})).data?.success, true);
  const two = [randomUUID(), randomUUID()];
  const ids = { body: { image_ids: two } };
  const saves = await gallery.POST("/v1/gallery/batch/save/", { body: { items: two.map(image) } });
  equal(saves.data?.counts.created, 2);
  equal((await gallery.POST("/v1/gallery/batch/find/", ids)).data?.data[1]?.image?.metadata.model, "gemini-pro");
  const dry = await gallery.POST("/v1/gallery/batch/delete/", { body: { image_ids: two, mode: "all", dry_run: true } });
  equal(dry.data?.data[0]?.outcome, "deleted");
  const batchOfTags = await gallery.POST("/v1/gallery/batch/tags/", { body: { image_ids: two, add: ["favorite"], remove: ["draft"] } });
  equal(batchOfTags.data?.counts.updated, 2);
  equal((await gallery.POST("/v1/gallery/batch/restore/", ids)).data?.data[0]?.outcome, "unchanged");
  equal((await gallery.POST("/v1/gallery/batch/permanent/", ids)).data?.data[0]?.outcome, "purged");
  const refused = await gallery.POST("/v1/gallery/batch/delete/", { body: { image_ids: two, mode: "all" } });
  equal(refused.error?.code, "batch_refused");
  equal((await gallery.POST("/v1/gallery/{image_id}/restore/", one)).data?.data.deleted_at, null);
  equal((await gallery.DELETE("/v1/gallery/{image_id}/permanent/", one)).response.status, 200);
  equal((await gallery.GET("/v1/gallery/{image_id}/", one)).error?.code, "image_not_found");
  equal((await gallery.POST("/v1/gallery/", { body: image(image_id) })).error?.code, "image_purged");
  equal((await gallery.POST("/v1/gallery/deleted/empty/", { params: { query: { user_id: "user_123" } } })).data?.data.is_complete, true);
  const erased = await gallery.DELETE("/v1/gallery/users/{user_id}/", { params: { path: { user_id: "user_123" }, query: { confirm: "user_123" } } });
  equal(erased.data?.data.is_complete, true);
  // Each line of such a body is one object of the document, so one object is a body of one line.
  const ndjson = { "Content-Type": "application/x-ndjson" };
  const imported = await gallery.POST("/v1/gallery/import/", { body: { ...image(randomUUID()), created_at: "2026-01-15T10:30:00Z" }, headers: ndjson });
  equal(imported.data?.data.created, 1);
  const exported = await gallery.GET("/v1/gallery/export/", { params: { query: { user_id: "user_123" } }, parseAs: "text" });
  equal(exported.data?.trim().split("\n").map((line) => JSON.parse(line).user_id)[0], "user_123");
  equal((await gallery.GET("/livez")).data?.data.status, "alive");
  equal((await gallery.GET("/readyz")).data?.data.status, "ready");
}

async function shareWithOpenapiFetch(gallery: ReturnType<typeof createClient<paths>>, image_id: string) {
  const one = { params: { path: { image_id } } };
  const ofUser = { params: { query: { user_id: "user_123" } } };
  const share = (await gallery.POST("/v1/gallery/{image_id}/shares/", { ...one, body: { max_views: 2 } })).data?.data;
  equal((await gallery.GET("/v1/gallery/shared/{token}/", { params: { path: { token: share!.token! } } })).data?.data.image_id, image_id);
  equal((await gallery.GET("/v1/gallery/{image_id}/shares/", one)).data?.data[0]?.views, 1);
  equal((await gallery.GET("/v1/gallery/shares/", ofUser)).data?.data[0]?.share_id, share!.share_id);
  equal((await gallery.DELETE("/v1/gallery/{image_id}/shares/{share_id}/", { params: { path: { image_id, share_id: share!.share_id } } })).data?.data.revoked, 1);
  equal((await gallery.DELETE("/v1/gallery/{image_id}/shares/", one)).data?.data.revoked, 0);
  equal((await gallery.DELETE("/v1/gallery/shares/", ofUser)).data?.data.is_complete, true);
  const grant = { params: { path: { image_id, user_id: "user_456" } } };
  equal((await gallery.PUT("/v1/gallery/{image_id}/grants/{user_id}/", { ...grant, body: { role: "view" } })).data?.data.role, "view");
  equal((await gallery.GET("/v1/gallery/{image_id}/grants/", one)).data?.data[0]?.user_id, "user_456");
  equal((await gallery.GET("/v1/gallery/shared-with-me/", { params: { query: { user_id: "user_456" } } })).data?.data[0]?.image.image_id, image_id);
  equal((await gallery.DELETE("/v1/gallery/{image_id}/grants/{user_id}/", grant)).data?.data.removed, true);
  equal((await gallery.POST("/v1/gallery/{image_id}/views/", { ...one, body: { visitor: "a" } })).response.status, 204);
  equal((await gallery.POST("/v1/gallery/{image_id}/downloads/", { ...one, body: { visitor: "a" } })).response.status, 204);
  equal((await gallery.POST("/v1/gallery/batch/views/", { body: { items: [{ image_id, visitor: "a" }] } })).response.status, 204);
  equal((await gallery.GET("/v1/gallery/{image_id}/statistics/", one)).data?.data.image_id, image_id);
  equal((await gallery.GET("/v1/gallery/statistics/top/", ofUser)).data?.success, true);

  equal((await gallery.GET("/v1/gallery/usage/", ofUser)).data?.data.totals["views"] !== undefined, true);
  equal((await gallery.POST("/v1/gallery/usage/events/", { body: { events: [event()] } })).data?.data[0]?.outcome, "recorded");
  equal((await gallery.GET("/v1/gallery/usage/export/", { params: { query: { period: "2026-01", format: "csv" } }, parseAs: "text" })).response.status, 200);
}

const event = () => ({ event_id: randomUUID(), user_id: "user_123", kind: "generated_images", quantity: 1 });

async function callWithOpenapiTs() {
  client.setConfig({ baseUrl });
  const image_id = randomUUID();
  const one = { path: { image_id } };

  equal((await sdk.createImage({ body: image(image_id) })).data?.outcome, "created");
  equal((await sdk.listImages({ query: { user_id: "user_123", limit: 1 } })).data?.pagination.limit, 1);
  const filters = { user_id: "user_123", ids: [image_id, randomUUID()], metadata: { model: "gemini-pro" }, q: "sunset*", has_prompt: true };
  equal((await sdk.listImages({ query: { ...filters, fields: ["image_id"], count: "exact" } })).data?.pagination.count, 1);
  equal((await sdk.countFacets({ query: filters })).data?.data.intents[0]?.count, 1);
  equal((await sdk.findImage(one)).data?.data.image_id, image_id);
  equal((await sdk.updateImage({ ...one, body: { refined_prompt: null } })).data?.data.refined_prompt, null);
  equal((await sdk.listHistory(one)).data?.data.length, 2);
  equal((await sdk.addTag({ path: { image_id, tag: "noir" } })).data?.data.tags[0], "noir");
  equal((await sdk.listTags({ query: { user_id: "user_123" } })).data?.data[0]?.name, "noir");
  equal((await sdk.renameTag({ body: { user_id: "user_123", from: "noir", to: "pop" } })).data?.data.is_complete, true);
  equal((await sdk.removeTag({ path: { image_id, tag: "pop" } })).data?.data.tags.length, 0);
  await shareWithOpenapiTs(image_id);
  equal((await sdk.listChanges()).data?.success, true);
  equal((await sdk.softDeleteImage(one)).data?.success, true);
  equal((await sdk.listDeletedImages()).data?.success, true);
  const two = [randomUUID(), randomUUID()];
  const ids = { body: { image_ids: two } };
  equal((await sdk.saveImages({ body: { items: two.map(image) } })).data?.counts["created"], 2);
  equal((await sdk.findImages(ids)).data?.data[0]?.image?.image_id, two[0]);
  equal((await sdk.tagImages({ body: { ...ids.body, add: ["favorite"] } })).data?.counts["updated"], 2);
  equal((await sdk.softDeleteImages(ids)).data?.counts["deleted"], 2);
  equal((await sdk.restoreImages(ids)).data?.counts["restored"], 2);
  equal((await sdk.purgeImages({ body: { image_ids: two, mode: "all" } })).data?.counts["purged"], 2);
  equal((await sdk.restoreImage(one)).data?.data.deleted_at, null);
  equal((await sdk.purgeImage(one)).data?.success, true);
  equal((await sdk.findImage(one)).error?.code, "image_not_found");
  equal((await sdk.emptyTrash({ query: { user_id: "user_123" } })).data?.data.is_complete, true);
  equal((await sdk.eraseUser({ path: { user_id: "user_123" }, query: { confirm: "user_123" } })).data?.data.is_complete, true);
  equal((await sdk.importImages({ body: { ...image(randomUUID()), created_at: "2026-01-15T10:30:00Z" } })).data?.data.created, 1);
  const exported = (await sdk.exportImages({ query: { user_id: "user_123" }, parseAs: "text" })).data as unknown as string;   // the generator knows no lines
  equal(JSON.parse(exported.trim().split("\n")[0]!).user_id, "user_123");
  equal((await sdk.findLiveness()).data?.data.status, "alive");
  equal((await sdk.findReadiness()).data?.data.status, "ready");
}

async function shareWithOpenapiTs(image_id: string) {
  const one = { path: { image_id } };
  const ofUser = { query: { user_id: "user_123" } };
  const share = (await sdk.createShare({ ...one, body: { max_views: 2 } })).data!.data;
  equal((await sdk.openShare({ path: { token: share.token! } })).data?.data.image_id, image_id);
  equal((await sdk.listShares(one)).data?.data[0]?.views, 1);
  equal((await sdk.listUsersShares(ofUser)).data?.data[0]?.share_id, share.share_id);
  equal((await sdk.revokeShare({ path: { image_id, share_id: share.share_id } })).data?.data.revoked, 1);
  equal((await sdk.revokeShares(one)).data?.data.revoked, 0);
  equal((await sdk.revokeUsersShares(ofUser)).data?.data.is_complete, true);
  const grant = { path: { image_id, user_id: "user_456" } };
  equal((await sdk.putGrant({ ...grant, body: { role: "edit" } })).data?.data.role, "edit");
  equal((await sdk.listGrants(one)).data?.data[0]?.user_id, "user_456");
  equal((await sdk.listSharedWithMe({ query: { user_id: "user_456" } })).data?.data[0]?.image.image_id, image_id);
  equal((await sdk.removeGrant(grant)).data?.data.removed, true);
  equal((await sdk.addView({ ...one, body: { visitor: "a" } })).response?.status, 204);
  equal((await sdk.addDownload({ ...one, body: { visitor: "a" } })).response?.status, 204);
  equal((await sdk.addViews({ body: { items: [{ image_id, visitor: "a" }] } })).response?.status, 204);
  equal((await sdk.findStatistics(one)).data?.data.image_id, image_id);

  equal((await sdk.findUsage({ query: { user_id: "user_123" } })).data?.data.user_id, "user_123");
  equal((await sdk.addUsageEvents({ body: { events: [event()] } })).data?.data[0]?.outcome, "recorded");
  equal((await sdk.exportUsage({ query: { period: "2026-01" } })).response?.status, 200);
  equal((await sdk.listMostViewed(ofUser)).data?.success, true);
}

await callWithOpenapiFetch();
await callWithOpenapiTs();
console.log("Both clients made every call.");
