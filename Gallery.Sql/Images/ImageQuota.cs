using System.Globalization;
using Gallery.Sql.Database;
using Microsoft.Extensions.Configuration;

namespace Gallery.Sql.Images;

/// <summary>How many images a user may have. Those in the trash count, because they can be restored. Imports are not bound by it.</summary>
/// <param name="MaximumPerUser">Null for any number.</param>
public sealed record ImageQuota(int? MaximumPerUser)
{
    public static readonly ImageQuota None = new(MaximumPerUser: null);

    private const string Setting = "GALLERY_MAX_IMAGES_PER_USER";
    private const int Maximum = 1_000_000;

    /// <summary><c>x</c>: the images of <c>k</c> that exceed the quota of their new owners. If <c>k</c> is empty, it counts nothing.</summary>
    internal const string Excess = """
        q as
            (
                select u.user_id,
                       @Quota::bigint
                     - (select count(*) from gallery.image as i where i.user_id = u.user_id and i.deleted_at is null)
                     - (select count(*) from gallery.image as i where i.user_id = u.user_id and i.deleted_at is not null) as room
                from (select distinct k.user_id from k) as u
            ),
            x as
            (
                select s.image_id
                from (select k.image_id, k.user_id, row_number() over (partition by k.user_id order by k.image_id) as place from k) as s
                join q on q.user_id = s.user_id
                where s.place > q.room
            )
        """;

    // A statement counts what was committed before it began. So it must begin after every other statement that adds images for these users has ended.
    // There are few keys, because each takes a place in the server's table of locks.
    private const string LockUsers = """
        select pg_advisory_xact_lock(u.key)
        from (select distinct hashtextextended(n.user_id, 0) & 1023 as key from unnest(@UserIds::text[]) as n (user_id) order by 1) as u
        """;

    /// <summary>Locks each user for the transaction, so that the saves of one user run one after the other. Null without a quota.</summary>
    internal string? Lock => MaximumPerUser is null ? null : LockUsers;

    internal object Parameter => MaximumPerUser is { } maximum ? (long)maximum : DBNull.Value;

    /// <exception cref="SettingsException">The setting is not a whole number from 1 to 1,000,000.</exception>
    public static ImageQuota From(IConfiguration settings)
    {
        if (settings.Find(Setting) is not { } text) return None;
        return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var maximum) && maximum is >= 1 and <= Maximum
            ? new(maximum)
            : throw new SettingsException($"{Setting} takes 1 to {Maximum}, as a whole number. Remove it to allow any number.");
    }
}
