using System.Reflection;

namespace Gallery.Sql;

/// <summary>Which build this is. The SDK writes the version of Directory.Build.props, or of <c>-p:Version</c>, and git's commit into the assembly.</summary>
public static class Release
{
    /// <summary>Both, as <c>--version</c> prints them: <c>0.1.0+d0b46a8b…</c>.</summary>
    public static readonly string Full = typeof(Release).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;

    public static readonly string Version = Full.Split('+')[0];

    /// <summary>40 hexadecimal digits, or <c>unknown</c> if the sources were not in git.</summary>
    public static readonly string Commit = Full.Split('+') is [_, var commit] ? commit : "unknown";
}
