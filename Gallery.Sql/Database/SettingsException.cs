namespace Gallery.Sql.Database;

/// <summary>A setting cannot be used. The message is one line. It names the setting and the cure, and never contains a secret.</summary>
public sealed class SettingsException(string message) : Exception(message)
{
    /// <summary>
    /// What a message may say of a value. A URL with a user, or a connection string, may have been set under the wrong name, so a value with <c>@</c> or <c>=</c> is not repeated.
    /// Values of settings that hold secrets are never repeated.
    /// </summary>
    /// <param name="whole">The whole setting, if the value is one entry of it: a separator may be part of a password.</param>
    public static string Quote(string value, string? whole = null) => (whole ?? value).AsSpan().ContainsAny('@', '=') ? "a value with @ or =, which is not shown here" : $"\"{value}\"";
}
