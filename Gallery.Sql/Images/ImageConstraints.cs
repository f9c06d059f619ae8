namespace Gallery.Sql.Images;

/// <summary>The named checks of <c>gallery.image</c>: the database's own word on what an image may be.</summary>
public static class ImageConstraints
{
    public const string MetadataSize = "image_metadata_size";

    /// <summary>The column that a check is about, which is also the field's name on the wire; null for a check not known here.</summary>
    public static string? FindField(string? constraint) => constraint switch
    {
        "image_image_id_not_nil" => "image_id",
        "image_user_id_length" => "user_id",
        "image_image_url_length" => "image_url",
        "image_refined_prompt_length" => "refined_prompt",
        "image_intent_length" => "intent",
        MetadataSize or "image_metadata_is_object" or "image_metadata_depth" => "metadata",
        "image_revision_positive" => "revision",
        _ => null,
    };
}
