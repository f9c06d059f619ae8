namespace Gallery.Service.Page.Demo;

/// <summary>What an invented image shows: the words that prompts have for it, and how it is drawn.</summary>
/// <param name="Tags">What people tag it with.</param>
/// <param name="Subjects">Prompts begin with one of these.</param>
/// <param name="Whole">Prompts that are complete.</param>
internal sealed record DemoScene(string[] Tags, string[] Subjects, string[] Whole, Action<DemoCanvas> Draw)
{
    public static readonly DemoScene[] All =
    [
        new(["landscape", "mountains"],
            ["Snowy mountain ridges above a valley", "The Matterhorn seen from a meadow", "A chain of blue mountains, one behind the other", "A hiker's view over the Dolomites"],
            ["霧に包まれた山々と松の木、浮世絵風", "Une chaîne de montagnes enneigées, façon affiche de voyage des années 1930"],
            DemoLandscapes.Mountains),
        new(["landscape", "lake"],
            ["A mirror-still mountain lake", "A fjord in Norway with steep cliffs", "A lake that reflects the hills around it", "An alpine lake, seen from its shore"],
            ["湖面に映る逆さ富士", "Ein stiller Bergsee, in dem sich die Gipfel spiegeln"],
            DemoLandscapes.Lake),
        new(["landscape", "forest"],
            ["A pine forest in layers of haze", "Tall firs in a silent valley", "A boreal forest, ridge behind ridge", "The edge of a spruce forest"],
            ["""A forest, album cover for "Songs of the Spruce", flat colours""", "Una pineta silenziosa, strati di foschia, acquerello"],
            DemoLandscapes.Forest),
        new(["landscape", "desert"],
            ["Sand dunes in the Sahara", "A lonely cactus in the desert", "Rolling dunes with sharp shadows", "Sonoran desert with saguaros"],
            ["Dunas infinitas bajo un cielo enorme, estilo minimalista", "砂漠の砂丘、静かな風"],
            DemoLandscapes.Desert),
        new(["sea", "lighthouse"],
            ["A lighthouse on a cliff above the sea", "A striped lighthouse on the coast of Maine", "An old lighthouse and its beam of light", "A lighthouse that guides the ships home"],
            ["""A lighthouse, book cover for "The Keeper's Daughter", no text""", "Un phare breton face à la mer, lumière douce"],
            DemoSeascapes.Lighthouse),
        new(["sea", "sailing"],
            ["A small sailing boat on calm water", "Two sailing boats on the open sea", "A regatta far out at sea", "A sailing boat that drifts home"],
            ["Ett segelfartyg på ett spegelblankt hav", "A paper boat that believes it is a ship, children's book"],
            DemoSeascapes.Sailing),
        new(["sea", "abstract"],
            ["Stylised waves that roll towards the viewer", "Layers of ocean waves cut from paper", "An abstract sea of curved lines", "A pattern of great waves"],
            ["葛飾北斎へのオマージュ、幾何学的な波", "Waves as \"sound made visible\", paper layers"],
            DemoSeascapes.Waves),
        new(["city", "architecture"],
            ["A city skyline across the river", "Skyscrapers and their lit windows", "Manhattan, seen from Brooklyn", "A futuristic skyline with slender towers"],
            ["""Neon city, a sign says "OPEN LATE", rain on the water""", "東京のスカイライン、川に映る光", "São Paulo vista do alto, luzes acesas"],
            DemoFancies.City),
        new(["space"],
            ["A ringed planet and its moons", "A gas giant that rises over a nebula", "A distant world with a bright ring", "An unknown planet among the stars"],
            ["""Retro space poster: "Visit Saturn", style of the 1960s""", "土星とその月、レトロなポスター"],
            DemoFancies.Planets),
        new(["balloons", "landscape"],
            ["Hot air balloons over the hills", "Five balloons above Cappadocia", "A balloon festival in the countryside", "Striped hot air balloons"],
            ["Montgolfières au-dessus des collines, style naïf", "Balloons, as a child would dream them"],
            DemoFancies.Balloons),
        new(["landscape", "aurora"],
            ["Northern lights above a cabin", "An aurora over the snow of Lapland", "A hut in the snow under a dancing sky", "Green ribbons of light over firs"],
            ["Revontulet mökin yllä, hiljainen pakkasyö", "オーロラと小さな山小屋"],
            DemoFancies.Aurora),
        new(["abstract", "pattern"],
            ["A geometric pattern of quarter circles", "A Bauhaus composition of circles and arcs", "Mid-century tiles", "An abstract mosaic of simple shapes"],
            ["Azulejos modernos, padrão geométrico", "Composition géométrique à la Sonia Delaunay"],
            DemoFancies.Pattern),
    ];
}
