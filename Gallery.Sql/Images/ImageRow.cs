using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using Gallery.Sql.Database;
using Gallery.Sql.Tags;

namespace Gallery.Sql.Images;

/// <summary>A row of <c>gallery.image</c>, in the order of <see cref="Columns"/>.</summary>
/// <param name="Metadata">A JSON object, as PostgreSQL prints it.</param>
/// <param name="CreatedAt">UTC, to the microsecond, like all times here.</param>
/// <param name="UpdatedAt">Moves with every change, deletion and restore included.</param>
/// <param name="DeletedAt">Null while the image is live.</param>
/// <param name="Revision">1 when first inserted, 1 more with each change. Goes on if the image is created again after a purge.</param>
/// <param name="Tags">Labels in the order of adding, as PostgreSQL prints an array. <see cref="TagArray"/> reads them.</param>
public sealed record ImageRow(
    Guid ImageId,
    string UserId,
    string ImageUrl,
    string? RefinedPrompt,
    string? Intent,
    string Metadata,
    DateTime CreatedAt,
    DateTime UpdatedAt,
    DateTime? DeletedAt,
    long Revision,
    string Tags = TagArray.Empty)
{
    internal const string Columns =
        "i.image_id, i.user_id, i.image_url, i.refined_prompt, i.intent, i.metadata::text as metadata, i.created_at, i.updated_at, i.deleted_at, i.revision, i.tags::text as tags";

    /// <summary>The approximate size in an answer: of the long fields, as JSON. The URL of the thumbnail is about as long as the URL.</summary>
    internal int AnswerBytes => 2 * JsonBytes(ImageUrl) + JsonBytes(RefinedPrompt) + Encoding.UTF8.GetByteCount(Metadata) + Encoding.UTF8.GetByteCount(Tags);

    // A control character takes six bytes. The encoder is that of the answers. It returns a text without such characters as it is.
    private static int JsonBytes(string? text) => text is null ? 0 : Encoding.UTF8.GetByteCount(JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text));

    /// <summary>Whether its statement left out the prompt, the metadata and the tags, because they are long.</summary>
    internal bool IsPartial => Metadata.Length == 0;

    /// <summary>Names this state of the image, as an ETag does. <see cref="Preconditions.Hold"/> computes the same in SQL.</summary>
    public string Version => string.Create(
        CultureInfo.InvariantCulture, $"{Revision}-{(UpdatedAt - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond / 1_000_000m:0.000000}");
}

/// <summary>What a save sends. Null means not given.</summary>
/// <param name="Metadata">A JSON object.</param>
public sealed record NewImage(Guid ImageId, string UserId, string ImageUrl, string? RefinedPrompt, string? Intent, string? Metadata)
{
    public Preconditions If { get; init; }

    /// <summary>Who saves it.</summary>
    public Caller Caller { get; init; } = Caller.Anonymous;

    /// <summary>Whether the save may create an image again that was deleted permanently.</summary>
    public bool Recreates { get; init; }

    /// <summary>The labels of different tags, to be added, as PostgreSQL reads an array. So equal saves are equal.</summary>
    public string Tags { get; init; } = TagArray.Empty;

    /// <summary>How many tags it has.</summary>
    public int TagCount => TagArray.Labels(Tags).Length;

    /// <summary>The approximate size in a statement, in UTF-16 characters of the long fields and rows of tags.</summary>
    internal int Bytes => ImageUrl.Length + (RefinedPrompt?.Length ?? 0) + (Metadata?.Length ?? 0) + 2 * Tags.Length + TagCount * Tag.RowBytes + If.Length;
}

/// <summary>An image that a caller asks for. To a user, another user's image is as unknown as one that never existed.</summary>
public readonly record struct ImageKey(Guid ImageId, Caller Caller)
{
    public Preconditions If { get; init; }

    /// <summary>Called when a purge has deleted the image, even if the caller has left. The argument is false if the answer was lost and it may be deleted.</summary>
    public Action<bool>? Report { get; init; }
}

/// <summary>An edit of one image.</summary>
/// <param name="Apply">Computes the new owner, prompt, intent, metadata and tags from the stored row.</param>
/// <param name="Bytes">The approximate size of what it writes, as far as it is known before it is computed.</param>
internal sealed record ImageEdit(ImageKey Key, Func<ImageRow, ImageRow> Apply, int Bytes);

/// <summary>An edit that was computed.</summary>
/// <param name="From">The row that was read. The edit happens only if it is still the same.</param>
/// <param name="To">The row to write: its owner, prompt, intent, metadata and tags.</param>
internal sealed record ImageUpdate(ImageRow From, ImageRow To, Caller Caller)
{
    /// <summary>Whether the caller is somebody with whom the owner shares the image.</summary>
    public bool IsOfGrantee => Caller.UserId is { } user && user != From.UserId;

    /// <summary>Whether somebody with whom the image is shared would become its owner.</summary>
    public bool TakesOver => IsOfGrantee && To.UserId != From.UserId;
}

/// <summary>The outcome of a write to one image.</summary>
/// <param name="Image">The image afterwards; after a purge, as it was. Null if there is no such image, or if it is another user's.</param>
/// <param name="Kept">After a save: the fields whose stored value differs from the one sent.</param>
public sealed record ImageWrite(ImageOutcome Outcome, ImageRow? Image, IReadOnlyList<string> Kept)
{
    internal static readonly ImageWrite NotFound = new(ImageOutcome.NotFound, null, []);
}

/// <summary>What one request of a batch came to.</summary>
/// <param name="Write">Null if it failed, or if its image no longer fits into the answer.</param>
public readonly record struct BatchItem(ImageWrite? Write, Exception? Fault);

/// <summary>Every outcome of a write to one image.</summary>
public enum ImageOutcome
{
    /// <summary>A save inserted the image.</summary>
    Created,

    /// <summary>The write changed the image.</summary>
    Updated,

    /// <summary>The image already is as the write asks.</summary>
    Unchanged,

    /// <summary>A save or an edit found the image in the trash, and left it as it is.</summary>
    InTrash,

    /// <summary>A save found another user's image, or an edit would take over an image that is shared with its caller.</summary>
    OwnedByAnother,

    /// <summary>A save found that the image was deleted permanently.</summary>
    Purged,

    /// <summary>The image's user, or its new owner, has as many images as <see cref="ImageQuota"/> allows.</summary>
    OverQuota,

    /// <summary>The image is not in the state that the request's <see cref="Preconditions"/> name.</summary>
    PreconditionFailed,

    /// <summary>No image of the caller has this id.</summary>
    NotFound,

    /// <summary>Another transaction changed the image meanwhile. The request runs again, so no caller sees this outcome.</summary>
    Contended,
}

/// <summary>The last row of a page, after which the next page starts.</summary>
/// <param name="At">UTC: <c>created_at</c>, in the trash <c>deleted_at</c>.</param>
public readonly record struct ImageKeyset(DateTime At, Guid ImageId)
{
    /// <summary>Before the newest row. Npgsql sends this time as <c>infinity</c>.</summary>
    public static ImageKeyset Start => new(DateTime.SpecifyKind(DateTime.MaxValue, DateTimeKind.Utc), Guid.AllBitsSet);
}

/// <summary>A page of a list, and the place where the next one starts. Null on the last page.</summary>
public sealed record ImagePage(IReadOnlyList<ImageRow> Images, ImageKeyset? Next);
