namespace Gallery.Sql.Metering;

/// <summary>What the service itself meters. Other systems name other kinds.</summary>
public static class UsageKinds
{
    /// <summary>Images that saves created. Imported images count as <see cref="Imports"/>.</summary>
    public const string Saves = "saves";

    /// <summary>Bytes of metadata, as PostgreSQL prints them, of each image that a save created, and again after each change of its metadata.</summary>
    public const string MetadataBytes = "metadata_bytes";

    /// <summary>Images that an import created.</summary>
    public const string Imports = "imports";

    /// <summary>Views, each visitor once a day.</summary>
    public const string Views = "views";

    /// <summary>Downloads, each visitor once a day.</summary>
    public const string Downloads = "downloads";

    /// <summary>Openings of links, each one.</summary>
    public const string ShareViews = "share_views";

    public static readonly IReadOnlyList<string> All = [Saves, MetadataBytes, Imports, Views, Downloads, ShareViews];
}
