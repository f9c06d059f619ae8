using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Gallery.Sql.Images;

namespace Gallery.Service.Images;

/// <summary>The answer to a save: the envelope, and what the save came to.</summary>
public sealed record SavedImage(
    bool Success,
    Image Data,
    [property: AllowedValues("created", "updated", "unchanged", "in_trash")]
    [property: Description("created, updated (the save added something), unchanged (it had nothing to add) or in_trash (the image stays in the trash).")] string Outcome,
    [property: Description("The fields whose stored value differs from the one sent: refined_prompt, or metadata.status for a key of metadata. A save fills in and never replaces.")]
    IReadOnlyList<string> Kept,
    string Message)
{
    internal static SavedImage Of(ImageWrite save, string outcome, string message) => new(true, Image.Of(save.Image!), outcome, save.Kept, message);
}
