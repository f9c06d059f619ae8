namespace Gallery.Sql.Sharing;

/// <summary>A row of <c>gallery.image_grant</c>, in the order of <see cref="Columns"/>.</summary>
/// <param name="UserId">Who may see the image.</param>
/// <param name="Role">view or edit.</param>
/// <param name="GrantedAt">UTC.</param>
public sealed record GrantRow(Guid ImageId, string UserId, string Role, DateTime GrantedAt)
{
    internal const string Columns = "g.image_id, g.user_id, g.role, g.granted_at";
}

/// <summary>Grants of one image, and the user after whom the next page starts. Null on the last page.</summary>
public sealed record GrantPage(IReadOnlyList<GrantRow> Grants, string? Next);
