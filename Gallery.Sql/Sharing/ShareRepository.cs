using System.Diagnostics;
using Dapper;
using Gallery.Sql.Coalescing;
using Gallery.Sql.Database;
using Gallery.Sql.Images;
using Gallery.Sql.Metering;
using Npgsql;

namespace Gallery.Sql.Sharing;

/// <summary>The statements of links, <c>gallery.image_share</c>.</summary>
/// <remarks>Openings and attempts never run twice, because each counts. If the answer is lost with the connection, the view may be counted and not shown.</remarks>
public sealed class ShareRepository : IAsyncDisposable
{
    /// <summary>Links of one image, open or not, so that a purge of many images is never slow. Equals the number in the SQL.</summary>
    public const int MaximumPerImage = 100;

    /// <summary>Links that one statement revokes.</summary>
    public const int BatchSize = 1000;

    /// <summary>How many wrong passwords a link takes in <see cref="AttemptsTime"/>.</summary>
    public const int MaximumAttempts = 10;

    /// <summary>From the first wrong password on, and from the last one again. Equals the interval in the SQL.</summary>
    public static readonly TimeSpan AttemptsTime = TimeSpan.FromMinutes(15);

    private readonly StatementRunner _statements;
    private readonly Coalescer<Opening, Opening, ShareOpening> _open;

    public ShareRepository(NpgsqlDataSource database, BatchOptions batches)
    {
        _statements = new StatementRunner(database);
        _open = new("open_share", opening => opening, OpenAsync, batches with { MaximumCount = 64 }, opening => opening.PasswordHash?.Length ?? 0);
    }

    public ValueTask DisposeAsync() => _open.DisposeAsync();

    /// <summary>Whether the image has fewer than <see cref="MaximumPerImage"/> links.</summary>
    public async Task<bool> HasRoomAsync(Guid imageId, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = "select count(*) < 100 from gallery.image_share as s where s.image_id = @ImageId";
        return (await _statements.ReadAsync<bool>(sql, _ => row => row.GetBoolean(0), isRepeatable: true, Stopwatch.GetTimestamp(), ct, ("ImageId", imageId)))[0];
    }

    /// <summary>Makes a link to a live image. Null if the image is unknown, another user's, in the trash, or has <see cref="MaximumPerImage"/> links.</summary>
    public async Task<ShareRow?> CreateShareAsync(NewShare share, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            with w as
            (
                insert into gallery.image_share (image_id, share_id, user_id, expires_at, max_views, password_hash, show_prompt, note)
                select i.image_id, @ShareId, i.user_id, @ExpiresAt::timestamptz, @MaxViews::bigint, @PasswordHash::text, @ShowPrompt, @Note::text
                from gallery.image as i
                where i.image_id = @ImageId
                  and (@IsAnyone or i.user_id = @UserId)
                  and i.deleted_at is null
                  and (select count(*) from gallery.image_share as s where s.image_id = @ImageId) < 100
                returning *
            )
            select {ShareRow.Columns}
            from w as s
            join gallery.image as i on i.image_id = s.image_id
            """;

        var rows = await _statements.ReadAsync(
            sql, reader => reader.GetRowParser<ShareRow>(), isRepeatable: false, Stopwatch.GetTimestamp(), ct,
            [
                .. Owned(share.Key.ImageId, share.Caller), ("ShareId", share.Key.ShareId), ("ExpiresAt", OrNull(share.ExpiresAt)), ("MaxViews", OrNull(share.MaxViews)),
                ("PasswordHash", OrNull(share.PasswordHash)), ("ShowPrompt", share.ShowPrompt), ("Note", OrNull(share.Note)),
            ]);
        return rows.SingleOrDefault();
    }

    /// <summary>The links of one image, newest first. Empty if the image is unknown, or another user's.</summary>
    public Task<SharePage> ListSharesAsync(Guid imageId, Caller caller, ImageKeyset after, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select {ShareRow.Columns}
            from gallery.image_share as s
            join gallery.image as i on i.image_id = s.image_id
            where s.image_id = @ImageId
              and (@IsAnyone or i.user_id = @UserId)
              and i.user_id = s.user_id
              and (s.created_at, s.share_id) < (@At, @ShareId)
            order by s.created_at desc, s.share_id desc
            limit @Limit
            """;

        return ListAsync(sql, after, limit, ct, Owned(imageId, caller));
    }

    /// <summary>The links of all images of a user, newest first.</summary>
    public Task<SharePage> ListUsersSharesAsync(string userId, ImageKeyset after, int limit, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select {ShareRow.Columns}
            from gallery.image_share as s
            join gallery.image as i on i.image_id = s.image_id
            where s.user_id = @UserId
              and i.user_id = s.user_id
              and (s.created_at, s.share_id) < (@At, @ShareId)
            order by s.created_at desc, s.share_id desc
            limit @Limit
            """;

        return ListAsync(sql, after, limit, ct, ("UserId", userId));
    }

    /// <summary>Revokes a link, or all links of an image. Returns how many there were: 0 too if the image is unknown, or another user's.</summary>
    /// <param name="shareId">Null for all.</param>
    public async Task<int> RevokeSharesAsync(Guid imageId, Guid? shareId, Caller caller, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            delete from gallery.image_share as s
            using gallery.image as i
            where s.image_id = @ImageId
              and (@IsAll or s.share_id = @ShareId)
              and i.image_id = s.image_id
              and (@IsAnyone or i.user_id = @UserId)
            returning 1
            """;

        return (await _statements.QueryAsync<int>(
            sql, Stopwatch.GetTimestamp(), ct, [.. Owned(imageId, caller), ("IsAll", shareId is null), ("ShareId", shareId ?? Guid.Empty)])).Count;
    }

    /// <summary>Revokes a batch of a user's links. Returns how many. Callers repeat it until a batch is not full.</summary>
    public async Task<int> RevokeUsersSharesAsync(string userId, CancellationToken ct)
    {
        // The limit is a number, because for a parameter the planner expects a tenth of the table.
        // language=PostgreSQL
        const string sql = """
            with old as materialized
            (
                select s.image_id, s.share_id
                from gallery.image_share as s
                where s.user_id = @UserId
                order by s.created_at, s.share_id
                limit 1000
            )
            delete from gallery.image_share as s
            using old
            where s.image_id = old.image_id
              and s.share_id = old.share_id
            returning 1
            """;

        return (await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("UserId", userId))).Count;
    }

    /// <summary>Counts a view, and returns the image, if the link shows it.</summary>
    /// <param name="passwordHash">The stored hash of the password that the caller knows. Null without a password.</param>
    public Task<ShareOpening> OpenShareAsync(ShareKey key, string? passwordHash, CancellationToken ct) => _open.RunAsync(new(key, passwordHash), ct);

    /// <summary>
    /// Counts a password attempt before the check, so that parallel requests cannot exceed the maximum. The right password removes its attempt when it opens the link.
    /// </summary>
    /// <returns>The stored hash; null if there were too many attempts.</returns>
    public async Task<string?> TakeAttemptAsync(ShareKey key, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            update gallery.image_share as s
            set attempts       = case when s.attempts_since > now() - interval '15 minutes' then s.attempts + 1 else 1 end,
                attempts_since = case when s.attempts_since > now() - interval '15 minutes' then s.attempts_since else now() end
            from gallery.image as i
            where s.image_id = @ImageId
              and s.share_id = @ShareId
              and i.image_id = s.image_id
              and s.password_hash is not null
              and (s.attempts < @Maximum or s.attempts_since <= now() - interval '15 minutes')
              and {ShareRow.IsOpenNow}
            returning s.password_hash
            """;

        return (await _statements.ReadAsync<string>(
            sql, _ => row => row.GetString(0), isRepeatable: false, Stopwatch.GetTimestamp(), ct,
            ("ImageId", key.ImageId), ("ShareId", key.ShareId), ("Maximum", MaximumAttempts))).SingleOrDefault();
    }

    /// <summary>Call it after a wrong password. If that was the last attempt, the 15 minutes begin again. They begin after the check, because until then the password might have been right.</summary>
    public Task UpdateAttemptsSinceAsync(ShareKey key, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = """
            update gallery.image_share as s
            set attempts_since = now()
            where s.image_id = @ImageId
              and s.share_id = @ShareId
              and s.attempts >= @Maximum
            returning 1
            """;

        return _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("ImageId", key.ImageId), ("ShareId", key.ShareId), ("Maximum", MaximumAttempts));
    }

    /// <summary>In how many seconds a link takes passwords again: at least 1. Null if it shows nothing, or asks for no password.</summary>
    public async Task<int?> FindRetryAfterAsync(ShareKey key, CancellationToken ct)
    {
        // language=PostgreSQL
        const string sql = $"""
            select greatest(case when s.attempts < @Maximum then 1 else ceil(extract(epoch from s.attempts_since + interval '15 minutes' - now())) end, 1)::int
            from gallery.image_share as s
            join gallery.image as i on i.image_id = s.image_id
            where s.image_id = @ImageId
              and s.share_id = @ShareId
              and s.password_hash is not null
              and {ShareRow.IsOpenNow}
            """;

        var rows = await _statements.QueryAsync<int>(sql, Stopwatch.GetTimestamp(), ct, ("ImageId", key.ImageId), ("ShareId", key.ShareId), ("Maximum", MaximumAttempts));
        return rows.Count == 0 ? null : rows[0];
    }

    /// <summary>Requests for one link with the same password share a row of the statement. The row counts them all, and returns how many of them still got a view.</summary>
    private async Task<IReadOnlyList<ShareOpening>> OpenAsync(IReadOnlyList<Opening> openings, long since)
    {
        // language=PostgreSQL
        const string sql = $"""
            with n as
            (
                select n.image_id, n.share_id, n.password_hash, n.wanted, n.place
                from unnest((select @ImageIds::uuid[]), (select @ShareIds::uuid[]), (select @PasswordHashes::text[]), (select @Wanted::bigint[]))
                  with ordinality as n (image_id, share_id, password_hash, wanted, place)
            ),
            w as
            (
                update gallery.image_share as s
                set openings       = s.openings + n.wanted,
                    last_viewed_at = clock_timestamp(),
                    attempts       = case when s.password_hash is null then 0 else greatest(s.attempts - n.wanted, 0) end
                from n
                join gallery.image as i on i.image_id = n.image_id
                where s.image_id = n.image_id
                  and s.share_id = n.share_id
                  and s.password_hash is not distinct from n.password_hash
                  and {ShareRow.IsOpenNow}
                returning n.place, least(n.wanted, s.max_views - s.openings + n.wanted) as shown, s.show_prompt, {ImageRow.Columns}
            ),
            c as
            (
                select w.user_id, '{UsageKinds.ShareViews}' as kind, sum(w.shown)::bigint as quantity
                from w
                group by w.user_id
            ),
            u as
            (
                {UsageLedger.OfCounts}
            )
            select i.place, i.shown, i.show_prompt, {ImageRow.Columns}
            from w as i
            union all
            select n.place, 0, false, {ImageRow.Columns}                  -- asks for a password, or for another one
            from n
            join gallery.image as i on i.image_id = n.image_id
            join gallery.image_share as s on s.image_id = n.image_id and s.share_id = n.share_id
            where s.password_hash is not null
              and s.password_hash is distinct from n.password_hash
              and {ShareRow.IsOpenNow}
            """;

        var links = openings.GroupBy(opening => (opening.Key, opening.PasswordHash)).OrderBy(link => link.Key.Key.ImageId).ThenBy(link => link.Key.Key.ShareId).ToList();
        var rows = await _statements.ReadAsync<(long Place, long Shown, bool ShowPrompt, ImageRow Image)>(
            sql,
            reader =>
            {
                var image = reader.GetRowParser<ImageRow>(startIndex: 3);
                return row => (row.GetInt64(0), row.GetInt64(1), row.GetBoolean(2), image(row));
            },
            isRepeatable: false, since, CancellationToken.None,
            ("ImageIds", links.Select(link => link.Key.Key.ImageId).ToArray()),
            ("ShareIds", links.Select(link => link.Key.Key.ShareId).ToArray()),
            ("PasswordHashes", links.Select(link => link.Key.PasswordHash).ToArray()),
            ("Wanted", links.Select(link => (long)link.Count()).ToArray()));

        var results = openings.ToDictionary(opening => opening, _ => ShareOpening.Nothing);
        foreach (var (place, shown, showPrompt, image) in rows)
        {
            var link = links[(int)place - 1];
            if (shown == 0)
                foreach (var opening in link) results[opening] = new(null, false, AsksForPassword: true);
            foreach (var opening in link.Take((int)shown)) results[opening] = new(image, showPrompt, AsksForPassword: false);
        }

        return [.. openings.Select(opening => results[opening])];
    }

    private async Task<SharePage> ListAsync(string sql, ImageKeyset after, int limit, CancellationToken ct, params (string, object)[] whose)
    {
        var rows = await _statements.QueryAsync<ShareRow>(sql, Stopwatch.GetTimestamp(), ct, [.. whose, ("At", after.At), ("ShareId", after.ImageId), ("Limit", limit + 1)]);
        return rows.Count <= limit ? new(rows, null) : new([.. rows.Take(limit)], new(rows[limit - 1].CreatedAt, rows[limit - 1].ShareId));
    }

    private static (string, object)[] Owned(Guid imageId, Caller caller) => [("ImageId", imageId), ("IsAnyone", caller.UserId is null), ("UserId", caller.UserId ?? "")];

    private static object OrNull(object? value) => value ?? DBNull.Value;

    /// <summary>A request to open a link. Each is another one, and counts.</summary>
    private sealed class Opening(ShareKey key, string? passwordHash)
    {
        public ShareKey Key => key;

        public string? PasswordHash => passwordHash;
    }
}
