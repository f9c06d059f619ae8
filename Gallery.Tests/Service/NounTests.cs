using System.Text.RegularExpressions;
using Gallery.Service;
using Gallery.Tests.Readme;

namespace Gallery.Tests.Service;

public sealed class NounTests
{
    private static readonly string[] SharedFolders =
    [
        "Gallery.Service/Http", "Gallery.Service/Access", "Gallery.Service/Limits", "Gallery.Service/OpenApi", "Gallery.Service/Telemetry", "Gallery.Service/Health",
        "Gallery.Sql/Database", "Gallery.Sql/Coalescing",
    ];

    public static TheoryData<string> Folders => [.. SharedFolders];

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_shared_folder_names_no_noun(string folder)
    {
        // A noun's folder is its plural: Images.
        var nouns = Nouns.All.Select(noun => noun.Json.GetType().Namespace!.Split('.')[^1].TrimEnd('s')).ToList();
        Assert.Contains("Image", nouns);

        // ETags, and the tags of the OpenAPI document and of spans, are something else. A method may be a verb with the noun's word, such as Note(…).
        string Pattern(string noun) => noun == "Tag" ? @"image_tag|\bTag(Noun|Row|Repository|Rules|Array)\b|Gallery\.\w+\.Tags"
            : $@"(new|record|class|struct) {noun}\(|{noun}(?![a-z(])|{noun}s(?![a-z])|(?<![A-Za-z]){noun.ToLowerInvariant()}s?(?![a-z])";

        foreach (var file in Directory.EnumerateFiles(Path.Combine(Repository.Root, folder), "*.cs", SearchOption.AllDirectories))
            foreach (var (number, line) in File.ReadLines(file).Index())
                foreach (var noun in nouns)
                    Assert.False(Regex.IsMatch(line, Pattern(noun)), $"{Path.GetFileName(file)}, line {number + 1}, names the noun {noun}: {line.Trim()}");
    }
}
