namespace Gallery.Sql.Images;

/// <summary>Which images a list, a count or an export is about. Each part that is set narrows it down.</summary>
/// <param name="UserId">Their owner. Null for everyone's.</param>
public sealed record ImageFilter(string? UserId)
{
    /// <summary>The keys of different tags. An image has all of them.</summary>
    public IReadOnlyList<string> Tags { get; init; } = [];

    /// <summary>The keys of different tags. An image has one of them, or more.</summary>
    public IReadOnlyList<string> AnyTags { get; init; } = [];

    public string? Intent { get; init; }

    /// <summary>The earliest <c>created_at</c>, UTC.</summary>
    public DateTime? CreatedFrom { get; init; }

    /// <summary>The first <c>created_at</c> that is too late, UTC.</summary>
    public DateTime? CreatedTo { get; init; }

    /// <summary>For each value in the metadata, JSON objects. The metadata contains one of them.</summary>
    public IReadOnlyList<string[]> Metadata { get; init; } = [];

    /// <summary>Whether the prompt has a character.</summary>
    public bool? HasPrompt { get; init; }

    /// <summary>What to search in the prompts, in the form that <c>gallery.image_words_query</c> takes.</summary>
    public string? Words { get; init; }

    public IReadOnlyList<Guid>? ImageIds { get; init; }

    /// <summary>Whether nothing but the owner is given. The list then has a statement that is prepared.</summary>
    public bool IsOwnerAlone => !Parameters().Any(parameter => parameter.Name != "UserId") && HasPrompt is null;

    /// <summary>The conditions as SQL. The tables are <c>i</c> for images and, if the statement follows one tag's images, <c>t</c> for tags.</summary>
    /// <param name="live">Null for both live images and the trash.</param>
    /// <param name="followed">The place in <see cref="Tags"/> of the tag that <c>t</c> follows. Null if there is no <c>t</c>.</param>
    /// <param name="followsAny">Whether the tag that <c>t</c> follows is in <see cref="AnyTags"/> instead.</param>
    internal string Conditions(bool? live, int? followed = null, bool followsAny = false)
    {
        List<string> conditions = [live switch { true => "i.deleted_at is null", false => "i.deleted_at is not null", null => "true" }];
        if (UserId is not null) conditions.Add("i.user_id = @UserId");
        if (followed is { } place)
        {
            conditions.Add($"t.tag = @{(followsAny ? "AnyTag" : "Tag")}{place}");
            if (UserId is not null) conditions.Add("t.user_id = @UserId");
        }

        var ofUser = UserId is null ? "" : " and o.user_id = @UserId";
        for (var tag = 0; tag < Tags.Count; tag++)
            if (followsAny || tag != followed) conditions.Add($"exists (select from gallery.image_tag as o where o.image_id = i.image_id and o.tag = @Tag{tag}{ofUser})");
        if (AnyTags.Count > 0 && !followsAny) conditions.Add($"exists (select from gallery.image_tag as o where o.image_id = i.image_id and o.tag = any(@AnyTags){ofUser})");
        if (Intent is not null) conditions.Add("i.intent = @Intent");
        var created = followed is null ? "i.created_at" : "t.created_at";
        if (CreatedFrom is not null) conditions.Add($"{created} >= @CreatedFrom");
        if (CreatedTo is not null) conditions.Add($"{created} < @CreatedTo");
        for (var value = 0; value < Metadata.Count; value++)
            conditions.Add($"({string.Join(" or ", Metadata[value].Select((_, form) => $"i.metadata @> @Metadata{value}_{form}::jsonb"))})");
        if (HasPrompt is { } hasPrompt) conditions.Add(hasPrompt ? "i.refined_prompt <> ''" : "(i.refined_prompt is null or i.refined_prompt = '')");
        if (Words is not null)
        {
            var query = UserId is null ? "gallery.image_words_query(@Words)" : "(gallery.image_owner_query(@UserId) && gallery.image_words_query(@Words))";
            conditions.Add($"gallery.image_words(i.user_id, i.refined_prompt) @@ {query}");
        }

        if (ImageIds is not null) conditions.Add("i.image_id = any(@ImageIds)");
        return string.Join("\n  and ", conditions);
    }

    internal IEnumerable<(string Name, object Value)> Parameters()
    {
        if (UserId is not null) yield return ("UserId", UserId);
        for (var tag = 0; tag < Tags.Count; tag++) yield return ($"Tag{tag}", Tags[tag]);
        for (var tag = 0; tag < AnyTags.Count; tag++) yield return ($"AnyTag{tag}", AnyTags[tag]);
        if (AnyTags.Count > 0) yield return ("AnyTags", AnyTags.ToArray());
        if (Intent is not null) yield return ("Intent", Intent);
        if (CreatedFrom is { } from) yield return ("CreatedFrom", from);
        if (CreatedTo is { } to) yield return ("CreatedTo", to);
        for (var value = 0; value < Metadata.Count; value++)
            for (var form = 0; form < Metadata[value].Length; form++) yield return ($"Metadata{value}_{form}", Metadata[value][form]);
        if (Words is not null) yield return ("Words", Words);
        if (ImageIds is not null) yield return ("ImageIds", ImageIds.ToArray());
    }
}

/// <summary>Which list of images, and its order.</summary>
/// <param name="Live">Whether the images are live ones. False for the trash.</param>
/// <param name="By">What it is sorted by.</param>
public readonly record struct ImageOrder(bool Live, ImageTime By, bool OldestFirst)
{
    public static readonly ImageOrder List = new(true, ImageTime.Created, false);
    public static readonly ImageOrder Trash = new(false, ImageTime.Deleted, false);

    /// <summary>Before the first row.</summary>
    public ImageKeyset Start => OldestFirst ? new(DateTime.SpecifyKind(DateTime.MinValue, DateTimeKind.Utc), Guid.Empty) : ImageKeyset.Start;

    internal ImageKeyset KeysetOf(ImageRow image) => new(By == ImageTime.Created ? image.CreatedAt : image.DeletedAt!.Value, image.ImageId);
}

/// <summary>A time of an image that a list can be sorted by.</summary>
public enum ImageTime
{
    /// <summary><c>created_at</c>.</summary>
    Created,

    /// <summary><c>deleted_at</c>.</summary>
    Deleted,
}

/// <summary>A request would take too long, because its filter leaves too many images to look at.</summary>
public sealed class SearchTooBroadException() : Exception("The filter leaves too many images to look at.");
